"""Following instructions: how much of what requests ask for is in the stories, without a judge."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import streamlit as st

from app import cache, commands
from app.figures.knowledge import Bar, knowledge
from app.jobs import waiting
from app.state import GradingState
from app.widgets import show
from slm.following.detectors import DetectorErrors, detector_errors
from slm.following.kept import kept_following
from slm.following.report import FollowingReport
from slm.following.requests import MEASURES, ReadStory, held_out_requests
from slm.following.scoring import KeptShare, difference
from slm.following.study import PAIR_STORIES, REQUESTS, Following, FollowingSettings
from slm.following.unseen_pairs import UNSEEN, WAYS
from slm.runs import Address, list_runs, open_run, resolve
from slm.stats.interval import Interval

Studies = Mapping[str, Following]
TITLES = {
    "words": "words",
    "features": "features",
    "sentence": "the sentence",
    "summary": "names and thing of the summary",
}
PART_TITLES = {"verb": "the verb of Words", "people": "the people of Summary"}


def choose(addresses: Sequence[str]) -> list[str]:
    """Pick which models are shown: those chosen for all pages, and all that were studied before."""
    last = [str(Address(run.name, run.steps[-1])) for run in list_runs() if run.steps]
    options = list(dict.fromkeys([*addresses, *last]))
    studied = [one for one in last if _kept(one) is not None]
    picked = st.multiselect(
        "Models",
        options,
        default=studied or list(addresses),
        **GradingState.followers.bound,
        max_selections=8,
        help="Every model is given the same held-out requests.",
    )
    st.caption(
        f"{REQUESTS} held-out requests of the nursery, one story each at temperature 1, and "
        f"{PAIR_STORIES} stories asked for in {len(WAYS)} ways. No judge: words are looked up in any "
        "inflection, features by detectors, the sentence literally. A request of your own is "
        "composed in Writing."
    )
    st.page_link("../pages/writing.py", label="Go to writing")
    return list(picked)


def show_following(addresses: Sequence[str]) -> None:
    """Show what was found of the models, and offer to study those that were not."""
    if not addresses:
        st.info("Choose at least one model on the left.")
        return
    kept = {address: _kept(address) for address in addresses}
    _study([address for address, one in kept.items() if one is None])
    found = {
        address: one for address in sorted(kept, key=_order) if (one := kept[address]) is not None
    }
    if not found:
        return
    _headline(found)
    _scores(found)
    _differences(found)
    _unseen(found)
    with st.expander("Features, one by one, and what their detectors get wrong"):
        _features(found)
    _stories(found)


def _kept(address: str) -> Following | None:
    return kept_following(*resolve(address))


def _study(missing: list[str]) -> None:
    """Offer to study what is missing, with its progress."""
    asked = tuple(missing)
    if asked and GradingState.following.get() == asked:
        if waiting.result(cache.following(asked), "following") is None:
            return
        GradingState.following.pop()
        st.rerun()
    if asked:
        names = ", ".join(map(show.plain, asked))
        st.markdown(f"Not asked yet: {names}.")
        if st.button("Let them write for the requests", type="primary", key="study-following"):
            cache.following.restart(asked)
            GradingState.following.set(asked)
            st.rerun()
        st.caption(
            "About half a minute for a small model on a CPU. What is found stays with the run."
        )


def _headline(found: Studies) -> None:
    """Say in a line what the best follower keeps."""
    best = max(found, key=lambda one: sum(k.share.mean for k in _measures(found[one]).values()))
    kept = _measures(found[best])
    st.markdown(
        f"**{show.plain(_name(best))} keeps {kept['words'].share.mean:.0%} of the words asked for "
        f"({kept['words'].chance.mean:.0%} by chance), {kept['features'].share.mean:.0%} of the "
        f"features ({kept['features'].chance.mean:.0%}), and writes the given sentence in "
        f"{kept['sentence'].share.mean:.0%} of the stories.**"
    )


def _measures(one: Following) -> dict[str, KeptShare]:
    return one.scores.by_measure


def _scores(found: Studies) -> None:
    bars: dict[str, list[Bar]] = {
        _name(address): [
            (TITLES[name], kept.share if kept.hits else None, kept.chance if kept.hits else None)
            for name, kept in one.scores.by_measure.items()
        ]
        for address, one in found.items()
    }
    drawn = knowledge(bars, show.colours(), "share of what was asked for")
    drawn.update_layout(  # the legend stands above, in several lines
        margin_t=40 + 14 * len(bars), legend={"y": 1.02, "yanchor": "bottom"}
    )
    show.figure(
        drawn,
        name="following-" + "-".join(found)[:80],
        note="Bars: 95 % of resamples of the requests. By chance: the same stories scored for 20 "
        "other requests each.",
        table=lambda: show.csv(
            ("address", "layers", "measure", "mean", "low", "high", "chance", "requests"),
            (
                (
                    address,
                    _layers(address),
                    name,
                    kept.share.mean,
                    *(kept.share.bounds or (None, None)),
                    kept.chance.mean,
                    len(kept.hits),
                )
                for address, one in found.items()
                for name, kept in one.scores.by_measure.items()
            ),
        ),
        everything=lambda: FollowingReport(found=found, settings=FollowingSettings()),
        command=commands.following(list(found)),
    )


def _name(address: str) -> str:
    """Return the run's name alone where its last checkpoint is meant."""
    run, step = resolve(address)
    return run.name if step == run.steps[-1] else address


def _layers(address: str) -> int:
    return open_run(Address.parse(address).run).info.config.n_layers


def _order(address: str) -> tuple[bool, int]:
    """Sort models that learned from no requests first, then by depth."""
    corpus = open_run(Address.parse(address).run).info.corpus.get("train", "")
    return "instruct" in corpus and "stories-only" not in corpus, _layers(address)


def _differences(found: Studies) -> None:
    """Compare each model with the next deeper one, request by request."""
    if len(found) < 2:
        return
    st.markdown("**One model less the one before it**, on the same requests")
    st.dataframe(
        [
            {"models": f"{_name(deeper)} less {_name(shallower)}"}
            | {
                TITLES[name]: _signed(
                    difference(
                        found[deeper].scores.by_measure[name],
                        found[shallower].scores.by_measure[name],
                    )
                )
                for name in MEASURES
            }
            for shallower, deeper in pairwise(found)
        ],
        hide_index=True,
    )


def _unseen(found: Studies) -> None:
    """Tell how requests are followed whose pair of fields training left out."""
    never = {
        address: one for address, one in found.items() if set(_without(address)) == set(UNSEEN)
    }
    st.markdown("**Out of distribution: Words and Summary together, which training left out**")
    if not never:
        st.caption(
            "None of these models was trained without such records: slm train --without "
            "Words+Summary leaves them out."
        )
        return
    rows = []
    for address, one in never.items():
        for part, told in one.unseen_pair.by_part.items():
            shares = told.shares
            rows.append(
                {
                    "model": _name(address),
                    "what is looked for": PART_TITLES[part],
                    "never seen less seen": _signed(told.difference),
                    "verdict": told.verdict,
                    "pair never seen": _shown(shares["unseen"]),
                    "pair it saw": _shown(shares["seen"]),
                    "field alone": _shown(shares["alone"]),
                    "by chance": f"{shares['by_chance'].mean:.2f}",
                }
            )
    st.dataframe(rows, hide_index=True)
    st.caption(
        "The same 250 held-out stories are asked for in five ways. Looked for is what only one of the "
        "two fields tells, so that neither helps the other. In brackets: 95 % of resamples of stories."
    )


def _without(address: str) -> list[str]:
    return list(open_run(Address.parse(address).run).info.corpus.get("without", []))


def _features(found: Studies) -> None:
    errors: dict[str, DetectorErrors] = {one.feature.value: one for one in detector_errors()}
    wrong = list(errors.values())
    rows = []
    for address, one in found.items():
        for use, error in zip(one.scores.by_feature, wrong, strict=True):
            rows.append(
                {
                    "model": _name(address),
                    "feature": use.feature,
                    "stories with it where asked for": _shown(use.when_asked),
                    "where others were asked for": _shown(use.when_not),
                    "detector misses": f"{error.missed.value:.1%}",
                    "detector invents": f"{error.invented.value:.1%}",
                }
            )
    st.dataframe(rows, hide_index=True)
    st.caption(
        "A detector looks for two trigrams that the grammar writes with this feature only; its errors "
        f"are measured on {wrong[0].missed.count + wrong[0].invented.count:,} held-out stories of the "
        "grammar. A model that says the same in words of its own is not found."
    )


def _stories(found: Studies) -> None:
    """Show a request with the story a model wrote, and what of it was kept."""
    st.markdown("**Requests and stories**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = st.selectbox(
            "Story of",
            list(found),
            index=len(found) - 1,
            **GradingState.follower.bound,
            width=260,
        ) or next(iter(found))
        stories = found[address].examples
        number = (
            st.number_input(
                "Request",
                min_value=1,
                max_value=max(1, len(stories)),
                **GradingState.request.bound,
                width=140,
            )
            or 1
        )
    if not stories:
        st.caption("No stories are kept of this model.")
        return
    request, story = held_out_requests(REQUESTS)[number - 1], ReadStory(stories[number - 1])
    left, right = st.columns(2, gap="large")
    with left:
        st.text(request.prompt)
        st.markdown(
            "\n".join(
                f"- {'✓' if kept else '✗'} {TITLES[measure]}: {show.plain(one)}"
                for measure, asked in request.asked.items()
                for one, kept in zip(asked, story.kept(measure, asked), strict=True)
            )
        )
    with right:
        st.text(story.text)


def _shown(value: Interval | None) -> str:
    return "not asked" if value is None else value.to_text()


def _signed(value: Interval) -> str:
    return value.to_text("+.2f")
