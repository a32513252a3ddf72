"""Full-text and regular-expression search over a whole corpus."""

from functools import partial

import streamlit as st

from app import cache, commands
from app.jobs import waiting
from app.state import StoriesState
from app.views.stories.choosing import ChosenCorpus
from app.views.stories.links import read_story
from app.widgets import show
from slm.memorization.kept import indexed
from slm.memorization.suffix_index import open_copies
from slm.stories.search import LONGEST_QUERY, SHOWN, Kind, Place, Query
from slm.text import in_html

TEXT, REGEX = "words", "regular expression"
KINDS: dict[str, Kind] = {TEXT: "text", REGEX: "regex"}
STYLE = """<style>
.hits { max-height: 26rem; overflow-y: auto; }
.places { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: 0.95rem;
  font-family: "Source Serif", Georgia, serif; }
.places td { padding: 0.18rem 0.3rem; white-space: nowrap; overflow: hidden;
  border-top: 1px solid #8884; }
.places td.story { width: 4.5rem; font-family: sans-serif; font-size: 0.8rem; }
.places td.before { text-align: right; direction: rtl; } .places td.before bdi { direction: ltr; }
.places td.match { width: 18%; font-weight: 700; text-align: center; }
</style>"""


def searching(chosen: ChosenCorpus) -> None:
    """Let the reader search the whole corpus; show the counts and the places."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = st.text_input(
            "Search the whole corpus for",
            "happy",
            **StoriesState.query.bound,
            max_chars=LONGEST_QUERY,
            width=420,
        )
        how = st.segmented_control(
            "As",
            list(KINDS),
            default=TEXT,
            required=True,
            **StoriesState.kind.bound,
            help="Words in a row, whatever their letters' case and the punctuation between them; or a "
            "regular expression, within one story.",
        )
    if not (asked or "").strip():
        st.info("Write what is to be found.")
        return
    kind = KINDS[how or TEXT]
    Query(text=asked or "", kind=kind)  # refused before anything is read
    found = waiting.result(cache.corpus_search(chosen.corpus, asked or "", kind, SHOWN), "search")
    if found is None:
        return
    each = f", {found.count / found.read:.2f} times a story" if found.read else ""
    st.markdown(
        f"**{found.count:,} times in {found.stories:,} of {found.read:,} stories** "
        f"({found.stories / max(1, found.read):.1%}{each})"
    )
    if found.places:
        _to_read(chosen, [one.story for one in found.places])
        st.html(STYLE + _table(found.places))
        if found.count > len(found.places):
            st.caption(f"The first {len(found.places)} places.")
    show.footer(
        name="search",
        table=lambda: show.csv(
            ("story", "start", "stop", "before", "match", "after"),
            ((p.story, p.start, p.stop, p.before, p.match, p.after) for p in found.places),
        ),
        everything=found.to_json,
        command=commands.search_stories(chosen.corpus, asked or "", kind, SHOWN),
        note="Answered by the index of the corpus." if found.indexed else "",
    )
    if kind == "text" and not found.indexed:
        _offer_index(chosen)


def _to_read(chosen: ChosenCorpus, numbers: list[int]) -> None:
    """Offer the first stories that hold it, of those that were read."""
    within = [number for number in dict.fromkeys(numbers) if number < len(chosen.read.stories)]
    if not within:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Read story", width="content")
        for number in within[:8]:
            st.button(
                f"{number:,}",
                key=f"read-{number}",
                type="tertiary",
                on_click=read_story,
                args=(number,),
            )


def _table(places: tuple[Place, ...]) -> str:
    rows = "".join(
        f"<tr><td class='story'>{one.story:,}</td>"
        f"<td class='before'><bdi>{in_html(_line(one.before))}</bdi></td>"
        f"<td class='match'>{in_html(_line(one.match))}</td>"
        f"<td class='after'>{in_html(_line(one.after))}</td></tr>"
        for one in places
    )
    return (
        "<div class='hits' tabindex='0' role='region' aria-label='Places'>"
        f"<table class='places'><tbody>{rows}</tbody></table></div>"
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _offer_index(chosen: ChosenCorpus) -> None:
    """Offer to index the corpus, so that further searches are answered at once."""
    st.caption(
        "This search read the whole corpus. An index, built once and kept, answers further ones at once."
    )
    if open_copies(chosen.corpus) is not None:
        return
    key, index = f"index-stories-{chosen.read.fingerprint}", partial(indexed, chosen.corpus)
    if waiting.when_asked(key, "Index the corpus", index) is not None:
        st.caption("It is indexed now.")
