"""One story at a time, with the tokens that models A and B make of it."""

import streamlit as st

from app import cache, commands
from app.state import LETTERS, StoriesState, picked_rows, slot
from app.views.stories import links
from app.views.stories.choosing import ChosenCorpus
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.interp.predictions.corpus_loss import story_json, token_bytes
from slm.stories.instruct import is_record, parse_record, story_of
from slm.stories.tokenizer import END
from slm.text import in_html, visible

FULL = 8
"""Nats of a token with the strongest colour."""
LISTED = 1000
"""Stories in the list at most; the field reaches all that were read."""
STYLE = """<style>
.pieces { font-family: "Source Serif", Georgia, serif; font-size: 1rem; line-height: 1.75;
  white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow-y: auto; }
.pieces span { border-radius: 3px; box-shadow: inset 0 0 0 1px #8883; background: #4a93c81f; }
.pieces span:nth-child(even) { background: #e0934a1f; }
</style>"""


def addresses() -> list[str]:
    """Return A, and B where another is picked; none where there is no model."""
    picked = (slot(letter).address for letter in LETTERS)
    return list(dict.fromkeys(address for address in picked if address is not None))


def reading(chosen: ChosenCorpus) -> None:
    """Show one story: surprisal of each token, its ids and bytes, and the list of stories."""
    stories = chosen.read.stories
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.number_input(
            "Story",
            0,
            None,
            0,
            1,
            **StoriesState.number.bound,
            width=150,
            help="From 0. Beyond the stories that are counted, the last of them is shown.",
        )
        at = min(int(number), len(stories) - 1)
        text = stories[at]
        links.of_story(story_of(text), "story")
    left, right = st.columns([11, 8], gap="large")
    with left:
        _request(text)
        models = addresses()
        for address in models:
            with show.one_line():
                _tokens(address, text, at, named=len(models) > 1)
        if not models:
            st.markdown(show.plain(text))
        _exports(chosen, at, text, models)
    with right:
        _list(chosen, at)


def _request(text: str) -> None:
    """Show what an Instruct record asks for."""
    if not is_record(text):
        return
    record = parse_record(text)
    asked = {
        "Features": ", ".join(record.features),
        "Words": ", ".join(record.words),
        "Summary": record.summary or "",
        "Random sentence": record.random_sentence or "",
    }
    for name in record.order:
        if asked.get(name):
            st.markdown(f"**{name}**: {show.plain(asked[name])}")


def _tokens(address: str, text: str, at: int, *, named: bool) -> None:
    ids, str_tokens, nats = cache.story_tokens(address, text)
    if named:
        st.markdown(f"**{show.plain(address)}**")
    costs = [None, *nats[:-1]]
    story_view(
        [Shown(text=t, value=cost) for t, cost in zip(str_tokens, costs, strict=True)],
        key=f"read-{address}-{at}",
        label="surprisal in nats:",
        full=FULL,
        on_pick=lambda token: links.token_clicked(address, text, token),
        small=named,
    )
    size = len(text.encode())
    st.caption(
        f"{len(ids)} tokens, {size / max(1, len(ids) - 1):.2f} bytes each, {sum(nats):.0f} nats in all. "
        + (
            "A click on a token opens Predictions on it."
            if len(text) <= links.LONGEST
            else f"Other pages take texts of {links.LONGEST:,} characters: they get its beginning."
        )
    )
    with st.expander("Token boundaries, ids and bytes", key=f"pieces-{address}"):
        pieces = "".join(
            f"<span title='id {index}: {token_bytes(t) or 'opens the story'}'>"
            f"{'▸' if t == END else in_html(t)}</span>"
            for index, t in zip(ids, str_tokens, strict=True)
        )
        st.html(f"{STYLE}<div class='pieces'>{pieces}</div>")
        st.dataframe(
            [
                {
                    "position": place,
                    "id": index,
                    "token": "▸" if t == END else visible(t),
                    "bytes": token_bytes(t),
                    "nats": cost,
                }
                for place, (index, t, cost) in enumerate(zip(ids, str_tokens, costs, strict=True))
            ],
            hide_index=True,
            height=240,
            column_config={"nats": st.column_config.NumberColumn(format="%.2f")},
        )


def _exports(chosen: ChosenCorpus, at: int, text: str, models: list[str]) -> None:
    def rows() -> str:
        return show.csv(
            ("model", "position", "id", "token", "bytes", "nats"),
            (
                (address, place, index, t, token_bytes(t), "" if cost is None else cost)
                for address in models
                for ids, str_tokens, nats in [cache.story_tokens(address, text)]
                for place, (index, t, cost) in enumerate(
                    zip(ids, str_tokens, [None, *nats[:-1]], strict=True)
                )
            ),
        )

    show.footer(
        name=f"story-{at}",
        table=rows,
        everything=lambda: story_json(
            chosen.corpus, at, text, [cache.checkpoint(address) for address in models]
        ),
        command=commands.story(chosen.corpus, at, models),
    )


def _list(chosen: ChosenCorpus, at: int) -> None:
    """List the stories that were read; a chosen row is shown."""
    first = max(0, min(at - LISTED // 2, len(chosen.read.stories) - LISTED))
    some = chosen.read.stories[first : first + LISTED]
    key = f"list-{chosen.corpus}-{first}"

    def picked() -> None:
        if rows := picked_rows(key):
            StoriesState.number.set(first + rows[0])

    st.dataframe(
        [
            {
                "story": first + place,
                "begins": visible(" ".join(story_of(text).split())[:80]),
                "words": chosen.statistics.lengths[first + place],
            }
            for place, text in enumerate(some)
        ],
        hide_index=True,
        height=420,
        key=key,
        on_select=picked,
        selection_mode="single-row",
        column_config={
            "story": st.column_config.NumberColumn(width=60, format="%d"),
            "begins": st.column_config.TextColumn(width=230),
            "words": st.column_config.NumberColumn(width=60),
        },
    )
    st.caption("Choose a row to read it.")
