"""Novelty against temperature and against the training step."""

from dataclasses import asdict
from functools import partial

import streamlit as st

from app import commands
from app.figures.memorization import new_curves
from app.jobs import waiting
from app.widgets import show
from slm.generation.sampler import Sampling
from slm.memorization.kept import Texts, make_novelty, novelty_path, read_novelty
from slm.memorization.measures import KS
from slm.memorization.novelty import NewShares, Novelty
from slm.runs import Address, open_run
from slm.stats.bootstrap import mean_of_known
from slm.stats.interval import Interval

TEMPERATURE, STEP = "against temperature", "against training step"


def new(address: str, read: Texts, stories: int, against: str, k: int, sampling: Sampling) -> bool:
    """Show the share of new n-grams beside people's; return whether it is measured."""
    run = Address.parse(address).run
    if against == TEMPERATURE:
        points = [(address, heat) for heat in (0.0, 0.5, 1.0)]
    else:
        points = [(str(Address(run, step)), sampling.temperature) for step in open_run(run).steps]
    own = Sampling(max_tokens=sampling.max_tokens, seed=sampling.seed)
    found = read_novelty(novelty_path(points, read, stories, own))
    if found is None:
        st.caption(f"Not measured yet: {stories} endings at each of {len(points)} points.")
        key = f"novelty-{against}-{address}-{read.corpus_hash}-{read.unseen_hash}-{stories}-{sampling}"
        found = waiting.when_asked(
            key, "Measure", partial(make_novelty, points, read, stories, own)
        )
    if found is not None:
        command = commands.novelty(
            address, read.corpus, read.unseen, stories, sampling, every_step=against == STEP
        )
        curves(address, read.corpus, found, against, k, command)
    return found is not None


def curves(
    address: str, source: str, found: Novelty, against: str, k: int, command: commands.Command
) -> None:
    """Show novelty by n and, over training, for one n."""
    if against == TEMPERATURE:
        lines = {f"temperature {one.temperature:g}": by_length(one.new) for one in found.points}
        drawn = new_curves(lines, by_length(found.people), show.colours(), "words in a row (n)")
    else:
        steps = [
            (Address.parse(one.address).step or 0, mean_of_known(one.new[k]))
            for one in found.points
        ]
        line = [(step, value) for step, value in steps if value is not None]
        human = mean_of_known(found.people[k])
        people = [(step, human) for step, _ in line] if human is not None else []
        title = f"{k} words in a row"
        drawn = new_curves({title: line}, people, show.colours(), "training step", named=True)

    def table() -> str:
        points = [("people", "", found.people)]
        points += [(one.address, f"{one.temperature:g}", one.new) for one in found.points]
        rows = (
            (name, heat, n, value.mean, *value.whiskers)
            for name, heat, shares in points
            for n in KS
            if (value := mean_of_known(shares[n])) is not None
        )
        return show.csv(("address", "temperature", "n", "new", "low", "high"), rows)

    show.figure(
        drawn,
        name=f"novelty-{against.split()[-1]}-{address}",
        table=table,
        everything=lambda: {"corpus": source, **found.to_json(), "shares": asdict(found)},
        command=command,
        note=f"{address}: {found.stories} validation stories, ended by it and by people. New is what "
        "stands nowhere in the corpus. Bars: 95 % intervals over endings.",
    )


def by_length(shares: NewShares) -> list[tuple[float | str, Interval]]:
    """Return the mean for every n."""
    return [(k, value) for k in KS if (value := mean_of_known(shares[k])) is not None]
