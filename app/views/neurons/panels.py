"""Panels of the neurons page: building an index, and searching neurons in it."""

from collections.abc import Sequence

import streamlit as st

from app import cache, commands
from app.cache.neurons import Known
from app.jobs import waiting
from app.jobs.indexing import building
from app.jobs.work import Work
from app.state import NeuronsState, Shared, picked_rows
from app.terms import help_of
from app.text import token_shown
from app.widgets import selection, show
from app.widgets.story_view import Shown, story_view
from slm.interp.neurons.activations import KEPT, ranked_name
from slm.interp.neurons.index import Index
from slm.interp.neurons.search import FoundNeuron

WORD, RAREST, SELECTIVE, DEAD = "by word", "rarest", "one token only", "dead"
WAYS = (WORD, RAREST, SELECTIVE, DEAD)
QUIET = 0.1  # a neuron whose pre-activation never gets above it is nearly dead


def word(str_token: str) -> str:
    """Format a token as it stands in a sentence."""
    return f"“{show.plain(token_shown(str_token))}”"


def build(addresses: Sequence[str]) -> None:
    """Ask for a corpus, and read it in a thread."""
    with st.popover("Build index"):
        st.caption(
            "Every neuron over every token of a corpus: its strongest places, how often it fires and "
            "how it is spread. What is cancelled goes on later."
        )
        corpus = st.text_input(
            "Corpus",
            "nursery:2000",
            **NeuronsState.index_corpus.bound,
            help=help_of(
                "corpus",
                also="nursery:COUNT, a path to .txt, .jsonl or .parquet, or tinystories from the hub.",
            ),
        ).strip()
        busy = (work := NeuronsState.indexing.get()) is not None and work.running
        if st.button("Build", type="primary", key="build", disabled=busy):
            NeuronsState.indexing.set(Work(building(addresses, corpus)))
            st.rerun()


def progress() -> None:
    """Show the progress of reading, with a way to end it; then why it failed, if so."""
    work = NeuronsState.indexing.get()
    if work is not None and not waiting.under_way({"": work}, "index"):
        go_on = "What was read is kept: read the same corpus again to go on."
        waiting.say_why(work, "" if work.error else go_on)


def search(address: str, known: Known, how: str, asked: str) -> None:
    """Search neurons one way, in a table from which one is chosen."""
    if how == WORD:
        command = commands.find_neurons(address, "token", f" {asked}", built=known.built)
        table_of(address, cache.by_word(address, asked), f"word-{address}", command)
    elif how == DEAD:
        dead(address, known.index, built=known.built)
    else:
        rows = cache.rarest(address) if how == RAREST else cache.selective(address)
        command = commands.find_neurons(
            address, "rare" if how == RAREST else "selective", built=known.built
        )
        table_of(address, rows, f"{how}-{address}".replace(" ", "-"), command)


def table_of(
    address: str, found: Sequence[FoundNeuron], key: str, command: commands.Command
) -> None:
    """Show neurons, a line each, to choose one."""
    if not found:
        st.info("No neuron answers to that.")
        return
    name = ranked_name(cache.checkpoint(address).config)
    rows: dict[str, list[object]] = {
        "layer": [one.layer for one in found],
        "neuron": [one.neuron for one in found],
    }
    if found[0].above is not None:
        rows[name] = [round(one.value or 0.0, 2) for one in found]
        rows["as high on"] = [share(one.above or 0.0) for one in found]
    rows["fires on"] = [share(one.fires) for one in found]
    rows["strongest on"] = [f"{one.token!r} ({one.count})" for one in found]

    def chosen() -> None:
        if picked := picked_rows(key):
            selection.choose_neuron(found[picked[0]].layer, found[picked[0]].neuron)

    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        on_select=chosen,
        selection_mode="single-row",
        height=min(38 + 35 * len(found), 460),
    )
    show.footer(
        name=key,
        table=lambda: show.csv(
            ("layer", "neuron", "fires", f"highest {name}", "token", "count", name, "above"),
            (
                (
                    o.layer,
                    o.neuron,
                    f"{o.fires:.7f}",
                    f"{o.highest:.5f}",
                    o.token,
                    o.count,
                    "" if o.value is None else f"{o.value:.5f}",
                    "" if o.above is None else f"{o.above:.7f}",
                )
                for o in found
            ),
        ),
        command=command,
        note="Tick a line to see that neuron. “Strongest on” is the token at most of the "
        f"{KEPT} places where its {name} is highest (above 0: where it fires), and at how many.",
    )


def share(part: float) -> str:
    """Format a share of tokens that may be very small."""
    if part == 0:
        return "never"
    return f"{part:.1%}" if part >= 0.01 else f"1 in {round(1 / part):,}"


def dead(address: str, index: Index, *, built: bool) -> None:
    """Show neurons that never fire, and those that hardly do."""
    never, hardly = index.dead(), index.dead(QUIET)
    name = ranked_name(cache.checkpoint(address).config)
    st.markdown(
        f"**{len(never):,} of {index.fired.size:,}** neurons are never above 0 in "
        f"{index.n_tokens:,} tokens; of {len(hardly):,} the {name} is never above {QUIET:g}."
    )
    if hardly:
        st.dataframe(
            {
                "layer": [layer for layer, _ in hardly],
                "neuron": [neuron for _, neuron in hardly],
                f"highest {name}": [round(float(index.highest[at]), 4) for at in hardly],
            },
            hide_index=True,
            key=f"dead-{address}",
            height=min(38 + 35 * len(hardly), 460),
        )
    show.footer(
        name=f"dead-{address}",
        table=lambda: show.csv(
            ("layer", "neuron", f"highest {name}"),
            ((*at, f"{index.highest[at]:.6f}") for at in hardly),
        ),
        note=f"{address}, over {index.corpus}",
        command=commands.find_neurons(address, "dead", built=built),
    )


def in_text(address: str, known: Known, text: str, layer: int, neuron: int, full: float) -> None:
    """Show the reader's text by activation, and the neurons that fire at a token of it."""
    model = cache.checkpoint(address)
    tokens = tuple(model.tokenizer.encode_story(text))
    str_tokens = cache.to_str_tokens(address, tokens)
    values = cache.text_activations(address, tokens)[layer, :, neuron]
    at = selection.token(len(tokens))
    story_view(
        [Shown(text=p, value=float(value)) for p, value in zip(str_tokens, values, strict=True)],
        key=f"text-{address}",
        label=ranked_name(model.config),
        scale="which way",
        full=full,
        selected=at,
        on_pick=Shared.token.set,
        small=True,
    )
    st.markdown(f"Neurons that fire on {word(str_tokens[at])} and seldom so elsewhere")
    table_of(
        address,
        cache.around_token(address, tokens, at),
        f"here-{address}",
        commands.neurons_at(address, text, at, built=known.built),
    )
