"""A neuron in a judge's words, beside two controls: what is asked, what it costs, what came of it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache
from app.figures.intervals import intervals
from app.jobs import waiting
from app.jobs.work import Work
from app.state import RolesState, Shared
from app.terms import help_of
from app.widgets import selection, show
from app.widgets.api_key import given, key_field
from slm.interp.autointerp.explaining import Explained, explain, explanation_bill, recalled
from slm.llm.judge import Judge, server_of
from slm.llm.prices import Bill, prices
from slm.llm.replies import ReplyStore
from slm.runs import Address, open_run
from slm.stories.snippets import NeuronSnippets

SnippetPair = tuple[NeuronSnippets, NeuronSnippets]
SHOWN = 5


def view(addresses: Sequence[str], corpus: str, stories: int) -> None:
    """Choose a neuron of each model and a judge; see the bill; ask; read what came of it."""
    left, right = st.columns([2, 5], gap="large")
    model, base_url, key = _judge(left)
    found: dict[str, SnippetPair] = {}
    for column, address in zip(right.columns(len(addresses)), addresses, strict=True):
        with column, show.one_line():
            found[address] = _neuron(addresses, address, corpus, stories)
    works = RolesState.explaining.at_first({})
    with left, show.one_line():
        _ask(found, model, base_url, key, works)
    with right:
        waiting.under_way(works, "explaining")
        for column, address in zip(st.columns(len(addresses)), addresses, strict=True):
            with column, show.one_line():
                if address in works:
                    waiting.say_why(works[address], "What was answered is kept.")
                if address in found:
                    known = _known(address, found[address], model, base_url)
                    _result(address, corpus, found[address], known)


def _judge(column: DeltaGenerator) -> tuple[str, str, str]:
    """Return the judge's name, server and key."""
    with column:
        model = st.text_input(
            "Judge", "gpt-4o", **RolesState.judge.bound, help=help_of("judge")
        ).strip()
        base_url = st.text_input(
            "Server",
            placeholder="OpenAI's; or http://127.0.0.1:8080/v1",
            key=Shared.server.key,
            help="Any server that speaks OpenAI's protocol, one on your own machine too.",
        ).strip()
        return model, base_url, key_field(base_url)


def _neuron(addresses: Sequence[str], address: str, corpus: str, stories: int) -> SnippetPair:
    """Choose the neuron to explain; return its snippets and another neuron's."""
    config = cache.checkpoint(address).config
    written = st.text_input(
        f"Neuron of {show.plain(address)} (layer.neuron)",
        placeholder="0.0",
        **RolesState.neuron.of("a" if address == addresses[0] else "b").bound,
    )
    layer, neuron = selection.layer_and_neuron(written or "0.0", config.n_layers, config.d_mlp)
    return cache.snippets(address, layer, neuron, corpus, stories)


def _ask(
    found: dict[str, SnippetPair],
    model: str,
    base_url: str,
    key: str,
    works: dict[str, Work[Explained]],
) -> None:
    """Show the bill, and the button that begins."""
    if not found:
        return
    cap = None
    if model in prices():
        cap = st.number_input("At most US$ a neuron", 0.01, 1000.0, 0.5, 0.1, key="explain-cap")
    st.markdown(
        show.plain(_in_words([explanation_bill(mine, model) for mine, _ in found.values()]))
    )
    busy = any(work.running for work in works.values())
    if st.button("Explain", type="primary", key="explain", disabled=busy, width="stretch"):
        asked = given(key, base_url)
        for address, (mine, another) in found.items():
            judge = Judge(model=model, base_url=base_url or None, key=asked, patience=30.0)
            works[address] = Work(
                explain(mine, another, judge, ReplyStore(_path(address)), max_cost=cap)
            )
        st.rerun()


def _in_words(bills: Sequence[Bill]) -> str:
    calls, tokens = (sum(getattr(one, part) for one in bills) for part in ("calls", "input_tokens"))
    work = f"{calls} calls at most, about {show.count(tokens)} tokens to read"
    costs = [one.cost for one in bills if one.cost is not None]
    if len(costs) < len(bills):
        return f"{work}. The price of this judge is unknown, so no cap can be kept."
    return f"{work}: about ${sum(costs):.2g}. What was answered before costs nothing."


def _path(address: str) -> Path:
    return open_run(Address.parse(address).run).explanations_path


def _known(address: str, pair: SnippetPair, model: str, base_url: str) -> Explained | None:
    """Read what this judge said before, without making a file."""
    return recalled(*pair, model, server_of(base_url or None), ReplyStore(_path(address)))


def _result(address: str, corpus: str, pair: SnippetPair, found: Explained | None) -> None:
    """Show the explanation and its score; where there is none, what would be shown to the judge."""
    mine, _ = pair
    name = f"{mine.layer}.{mine.neuron}"
    if found is None:
        st.markdown(
            f"This judge was not asked about neuron {name} yet. It would explain it from places such "
            "as these, and take a quiz on other stories with its explanation, with another neuron's, "
            "and with the top token alone."
        )
        _places(mine)
        return
    own = found.scores[0]
    st.markdown(f"**{show.plain(found.judge)} on neuron {name}:** {show.plain(own.explanation)}")
    st.markdown(_verdict(found))
    rows = [
        (one.name, one.accuracy.mean, *one.accuracy.whiskers)
        for one in found.scores
        if one.accuracy is not None
    ]
    if rows:
        show.figure(
            intervals(
                rows, show.colours(), "told right (balanced accuracy; 0.5 is guessing)", (0.0, 1.02)
            ),
            name=f"explained-{address}-{name}-{found.judge}",
            note=f"{address}, blocks.{mine.layer}.mlp, neuron {mine.neuron}: snippets of stories "
            "that the explanation was not made from, half of which make the neuron fire most; "
            f"{own.answered} answered. Bars: 95 % intervals over snippets",
            table=partial(_numbers, found),
            everything=partial(_everything, address, corpus, pair, found),
        )
    for score in found.scores[1:]:
        st.caption(show.plain(f"{score.name}: {score.explanation}"))
    if unread := sum(score.unreadable for score in found.scores):
        st.caption(f"{unread} replies could not be read and are not counted.")
    st.markdown("It was explained from places such as these:")
    _places(mine)


def _places(neuron: NeuronSnippets) -> None:
    """Show some of the snippets that an explanation is made from."""
    for one in neuron.shown[:SHOWN]:
        st.caption(show.plain(one.marked))


def _verdict(found: Explained) -> str:
    margins = ", ".join(
        f"{margin.margin.to_text('+.2f')} over {margin.over}" for margin in found.margins
    )
    if not found.margins:
        return "Not measured: the answers could not be read."
    surely = "**It explains the neuron**" if found.explains else "**It does not surely explain it**"
    return f"{surely}: {show.plain(margins)}."


def _numbers(found: Explained) -> str:
    """Format the scores as CSV."""
    return show.csv(
        ("explained by", "explanation", "accuracy", "low", "high", "answered", "unreadable"),
        (
            tuple("" if value is None else value for value in score.to_json().values())
            for score in found.scores
        ),
    )


def _everything(address: str, corpus: str, pair: SnippetPair, found: Explained) -> dict[str, Any]:
    """Return what was found, shown and asked."""
    mine, another = pair
    return {
        "address": address,
        "corpus": corpus,
        **found.to_json(),
        "shown": [one.marked for one in mine.shown],
        "max_activating": [one.text for one in mine.max_activating],
        "non_activating": [one.text for one in mine.non_activating],
        "another neuron": another.neuron,
    }
