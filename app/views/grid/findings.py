"""The paper's findings with verdict and interval."""

import streamlit as st

from app import cache, commands
from app.widgets import show
from slm.findings.finding import FindingVerdict

HOLDS: dict[FindingVerdict, str] = {
    "holds": "✓ holds",
    "does not hold": "✗ does not hold",
    "can't be told": "? can't be told",
}


def the_findings(judge: str | None) -> None:
    """Show what the paper found, with what every run that is there says of it."""
    found = cache.findings(judge)
    counts = {name: sum(one.verdict == name for one in found.findings) for name in HOLDS}
    unknown = counts["can't be told"]
    st.markdown(
        f"Of {len(found.findings)} findings of the paper, hold here: {counts['holds']}, "
        f"against: {counts['does not hold']}, not to be told from these runs: {unknown}."
    )
    order = list(HOLDS)
    for one in sorted(
        found.findings, key=lambda one: (one.number is None, order.index(one.verdict))
    ):
        with st.container(border=True, gap="xxsmall"):
            st.markdown(f"**{HOLDS[one.verdict]}** &ensp; {show.plain(one.claim)}")
            if one.number is not None:
                digits = "+.4f" if abs(one.number.mean) < 0.02 else "+.3f"
                st.markdown(show.plain(f"{one.number.to_text(digits)} {one.unit}"))
            st.caption(show.sentence(f"Against it would be: {one.against}."))
            st.caption(show.sentence(one.why + "."))
            if told := [*one.warnings, *([f"measured by {one.source}"] if one.source else [])]:
                st.caption(show.sentence("; ".join(told) + "."))
    show.footer(
        name="findings",
        table=lambda: show.csv(
            (
                "claim",
                "against",
                "verdict",
                "mean",
                "low",
                "high",
                "unit",
                "why",
                "source",
                "warnings",
            ),
            (
                (
                    one.claim,
                    one.against,
                    one.verdict,
                    *(
                        ("", "", "")
                        if one.number is None
                        else (one.number.mean, *one.number.whiskers)
                    ),
                    one.unit,
                    one.why,
                    one.source,
                    "; ".join(one.warnings),
                )
                for one in found.findings
            ),
        ),
        everything=found.to_json,
        command=commands.findings(judge),
        note="Of all runs. Intervals are over openings, choices or requests, not over trainings: another "
        "seed may give another number. Equal curves are told apart in at most 5 % of simulations, true "
        "differences missed in at most 20 % at the sizes that are tested.",
    )
