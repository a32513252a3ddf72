"""Worth seeing: a card for each find, with a small live picture, its number, and one click to its page."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app import cache
from app.figures.overview import HEIGHT, small_curves, small_map, small_table
from app.figures.predictions import by_head
from app.jobs import waiting
from app.state import HomeState
from app.views.home.links import SAID, link_of
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.generation.fitting import story_that_fits
from slm.overview.records import Find, FindKind, Overview
from slm.training import sweep
from slm.training.grid import grid_cells, grid_runs

TITLES: dict[FindKind, str] = {
    "induction head": "An induction head",
    "role neuron": "A neuron with a role",
    "pronoun flipped": "The head behind a pronoun",
    "names return": "When names come back",
    "grammar first": "Grammar before consistency",
    "two checkpoints": "One opening, two checkpoints",
    "largest ablation": "A word that hangs on one head",
    "copied and not copied": "Copied, and not copied",
    "width and depth": "Width and depth",
}
COLUMNS = 3
WORDS = 60
"""Words of all its texts that a card shows."""
BEFORE, AFTER = 40, 6
"""Tokens before and after the one a map is about."""


def worth_seeing(address: str, overview: Overview | None, across: Sequence[Find]) -> None:
    """Show the finds of a model and those across runs as cards, then what was not found."""
    st.header("Worth seeing", anchor=False)
    if overview is None:
        measure(address)
    finds = [*(overview.finds if overview else ()), *across]
    found = [one for one in finds if one.found]
    for first in range(0, len(found), COLUMNS):
        row = st.columns(COLUMNS, gap="medium")
        for place, find in zip(row, found[first : first + COLUMNS], strict=False):
            with place.container(border=True, height="stretch"), show.one_line():
                card(find)
    missing = [one for one in finds if not one.found]
    if missing:
        with st.expander(f"Looked for and not found: {len(missing)}"):
            for find in missing:
                st.markdown(f"**{TITLES[find.kind]}.** {show.plain(find.says)}")
    st.caption(
        show.plain(
            "Found by measurement on the shipped stories and on nursery stories, not chosen by hand: "
            "another model shows its own. "
            + (f"Measured of {overview.address}." if overview else "")
        )
    )


def measure(address: str) -> None:
    """Offer to measure the overview of a model that has none; watch it while it is under way."""
    if HomeState.measuring.get() != address:
        st.info(
            show.plain(
                f"Nothing was measured of {address} yet: its heads, neurons and checkpoints, about two "
                "minutes for a small model. Everything else can be read meanwhile."
            )
        )
        if st.button("Measure what is worth seeing", key="measure-overview"):
            HomeState.measuring.set(address)
            st.rerun()
        return
    if waiting.result(cache.measuring_overview(address), "overview") is not None:
        HomeState.measuring.pop()
        st.rerun()


def card(find: Find) -> None:
    """Show a find: its name, a small picture, the sentence with the numbers, and a link to its page."""
    st.markdown(f"**{TITLES[find.kind]}**")
    PICTURES[find.kind](find)
    st.markdown(show.plain(find.says))
    page, link = link_of(find)
    st.page_link(f"../pages/{page}.py", label=f"See it on {SAID[page]}", query_params=link)


def head_on_story(find: Find) -> None:
    """Show the head's map around the query token."""
    address, token = find.link["a"], int(find.link["token"])
    view = cache.attention(address, story_text(address, find.link["story"]))
    first = max(1, token - BEFORE)  # without END, which takes what goes nowhere else
    some = slice(first, token + AFTER)
    pattern = view.pattern[int(find.link["layer"]), int(find.link["head"]), some, some]
    draw(
        small_map(pattern, view.str_tokens[some], token - first, show.colours()),
        find,
        f"attention pattern of head {find.link['layer']}.{find.link['head']}",
    )


def neuron_in_sentence(find: Find) -> None:
    """Show the sentence, coloured by the neuron's activation."""
    checkpoint = cache.checkpoint(find.link["a"])
    tokens = tuple(checkpoint.tokenizer.encode_story(find.link["text"]))[: checkpoint.config.n_ctx]
    acts = cache.text_activations(find.link["a"], tokens)
    values = acts[int(find.link["layer"]), :, int(find.link["neuron"])]
    story_view(
        [
            Shown(text=text, value=float(value))
            for text, value in zip(checkpoint.tokenizer.to_str_tokens(tokens), values, strict=True)
        ],
        key="find-neuron",
        label="activation",
        scale="which way",
        full=max(float(abs(values).max()), 1e-6),
        small=True,
    )


def heads_of_word(find: Find) -> None:
    """Show the word in its sentence, and its ablation effect of each head."""
    word_in_sentence(find)
    address = find.link["a"]
    text = story_text(address, find.link["story"])
    prompt = cache.checkpoint(address).tokenizer.encode_story(text)[: int(find.link["token"]) + 1]
    found = cache.without_heads(address, tuple(prompt), "mean")
    drawn = by_head(found.loss, show.colours(), "nats").update_layout(height=HEIGHT)
    drawn.update_traces(showscale=False, selector={"type": "heatmap"})
    draw(drawn, find, "rise in the loss of the word without each head")


def word_in_sentence(find: Find) -> None:
    """Show the sentence, the predicted word, and the one predicted without the head."""
    before, word, instead = (show.plain(one.text) for one in find.texts)
    st.markdown(f"… {before} **:blue[{word}]** :orange[~~{instead}~~]")


def pronoun(find: Find) -> None:
    """Show the sentence with either word."""
    before, word, instead = (show.plain(one.text) for one in find.texts)
    st.caption("The whole model")
    st.markdown(f"… {before} **:blue[{word}]**")
    st.caption(f"Without head {show.plain(find.link['off'])}")
    st.markdown(f"… {before} **:orange[{instead}]**")


def over_checkpoints(up: str, find: Find) -> None:
    """Show the find's curves."""
    draw(small_curves(find.curves, show.colours(), up), find, find.says)


def texts(find: Find) -> None:
    """Show texts, each under its name."""
    most = WORDS // len(find.texts)
    for one in find.texts:
        st.caption(show.plain(one.name))
        words = one.text.split()
        st.markdown(show.plain(" ".join(words[:most]) + (" …" if len(words) > most else "")))


def shapes(find: Find) -> None:
    """Show the table of width and depth."""
    plan = sweep.load(find.link["grid"])
    there = grid_cells(grid_runs(plan.runs), "bits per byte")
    draw(small_table(there, show.colours()), find, find.says)


def draw(figure: object, find: Find, alt: str) -> None:
    """Show a small static figure."""
    st.plotly_chart(
        figure,
        theme=None,
        key=f"find-{find.kind}",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=show.plain(alt),
    )


def story_text(address: str, title: str) -> str:
    """Return a shipped story, cut to what the model reads."""
    text = cache.shipped_stories()[title]
    return story_that_fits([cache.checkpoint(address)], text).text


PICTURES: dict[FindKind, Callable[[Find], None]] = {
    "induction head": head_on_story,
    "role neuron": neuron_in_sentence,
    "largest ablation": heads_of_word,
    "pronoun flipped": pronoun,
    "names return": partial(over_checkpoints, "share of attention"),
    "grammar first": partial(over_checkpoints, "share learnt"),
    "two checkpoints": texts,
    "copied and not copied": texts,
    "width and depth": shapes,
}
