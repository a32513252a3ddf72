"""What does the model write, and how sure is it?"""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache
from app.state import Linked, Shared, WritingState, typed_into
from app.text import token_shown
from app.views.writing import prompt as prompt_choice
from app.views.writing.branching import THE_END, LiveBranches, from_links
from app.views.writing.side_by_side import side_by_side
from app.widgets import models, selection, show
from app.widgets.story_view import story_view
from slm.generation.branches import BranchPath, path_to_link
from slm.generation.sampler import Sampling
from slm.runs import Address, open_run
from slm.stories.instruct import is_record
from slm.stories.tokenizer import END
from slm.text import as_json

STORY, SIDE_BY_SIDE = "Story", "Models side by side"
SECONDS_A_TICK = 0.12
KEPT = 12  # trees that a session keeps
INDENT = "\u2800"  # blank, and no space: those are trimmed


def tree(letter: str, address: str, prompt: str, sampling: Sampling) -> LiveBranches:
    """The story and its branches that belong to these choices; the link's where they are the first."""
    kept = WritingState.trees.at_first({})
    asked, followed = (letter, address, prompt, sampling), WritingState.followed.at_first(set())
    if asked not in kept:
        linked = ["", ""]
        if letter not in followed:
            followed.add(letter)
            linked = [control.in_link() for control in linked_tree(letter)]
        kept[asked] = from_links(cache.checkpoint(address), prompt, sampling, *linked)
        for old in list(kept)[:-KEPT]:
            del kept[old]
    return kept[asked]


def linked_tree(letter: str) -> tuple[Linked[str], Linked[str]]:
    """The tree and the branch looked at, as the link has them."""
    if letter == "a":
        return WritingState.branches, WritingState.branch
    return WritingState.branches.of(letter), WritingState.branch.of(letter)


def into_the_link(letter: str, stories: LiveBranches) -> None:
    """Let the link lead to this tree and branch."""
    tree, branch = linked_tree(letter)
    tree.into_link(stories.tree.to_link())
    branch.into_link(path_to_link(stories.chosen))


def another() -> None:
    """Draw the next story: the same choices, the next seed."""
    Shared.seed.set(((Shared.seed.get() or 0) + 1) % (show.LARGEST_SEED + 1))


def show_stories(trees: dict[str, LiveBranches], ticking: bool) -> None:
    """The stories side by side, a little longer at each tick."""
    places = st.columns(len(trees), gap="large")
    for place, (letter, stories) in zip(places, trees.items(), strict=True):
        left, right = place.columns([9, 5], gap="large") if len(trees) == 1 else (place, place)
        told, controls = left.container(), left.container(horizontal=True)
        with told:
            if len(trees) > 1:
                st.header(show.plain(stories.address), anchor=False)
            one_story(stories, SECONDS_A_TICK / len(trees))
        with right.container():  # each in its own: what is there changes from tick to tick
            alternatives(letter, stories)
        with right.container():
            if stories.complaint:
                st.warning(show.sentence(stories.complaint))
        with right.container():
            branches(letter, stories)
        if len(trees) == 1:
            buttons(controls, trees)
        if not stories.story.writing:
            with controls:
                save(stories)
        into_the_link(letter, stories)
    if len(trees) > 1:
        buttons(st.container(horizontal=True), trees)
    if any(stories.story.writing for stories in trees.values()) != ticking:
        st.rerun()


def one_story(stories: LiveBranches, seconds: float) -> None:
    """The branch looked at."""
    story = stories.story
    story.advance(seconds)
    story_view(
        stories.shown(),
        key=f"written-{stories.address}",
        label="probability",
        writing=story.writing,
        selected=None if stories.asked is None else stories.asked + story.opening,
        on_pick=stories.ask,
    )
    if story.error:
        st.error(show.sentence(story.error))
    else:
        st.caption(f"{story.why} {len(story.tokens)} tokens." if story.why else "Writing …")


def buttons(place: DeltaGenerator, trees: dict[str, LiveBranches]) -> None:
    """Stop, and the next seed."""
    writing = any(stories.story.writing for stories in trees.values())
    with place:
        if st.button("Stop", disabled=not writing):
            for stories in trees.values():
                stories.story.stop()
            st.rerun()
        if st.button("New sample", on_click=another, help="The same choices with the next seed."):
            st.rerun()


def alternatives(letter: str, stories: LiveBranches) -> None:
    """What else might have stood in the place asked about, each a press away."""
    token = stories.asked_token
    if token is None:
        st.caption("Click a token to see what else might have come, and take that instead.")
        return
    st.markdown(
        f"At **{stories.asked}**, {quoted(token.str_token)} had probability "
        f"**{token.probability:.1%}**. Take another:"
    )
    with st.container(horizontal=True, gap="small"):
        for other in token.alternatives:
            st.button(
                f"{quoted(other.str_token)} {other.probability:.1%}",
                key=f"take-{letter}-{other.token}",
                disabled=other.token == token.token,
                on_click=stories.take,
                args=((other.token,),),
            )
    st.text_input(
        "Or words of your own",
        key=(own := f"own-{letter}-{path_to_link(stories.chosen)}-{stories.asked}"),
        max_chars=100,
        on_change=take_own,
        args=(stories, own),
        placeholder="press Enter to take them",
    )


def take_own(stories: LiveBranches, key: str) -> None:
    """Branch off with the reader's own words."""
    stories.take_text(typed_into(key))


def branches(letter: str, stories: LiveBranches) -> None:
    """The tree: a line for each branch, the one looked at in bold."""
    if not stories.tree.paths:
        return
    st.markdown("**Branches**")
    with st.container(gap="xxsmall"):
        for path in stories.tree.walk():
            name = show.plain(stories.name(path))
            st.button(
                INDENT * 2 * (len(path) - 1)
                + ("└ " if path else "")
                + (f"**{name}**" if path == stories.chosen else name),
                key=f"walk-{letter}-{path_to_link(path)}",
                type="tertiary",
                on_click=stories.choose,
                args=(path,),
                help=told(path),
            )
    st.button(
        "Forget this branch",
        key=f"drop-{letter}",
        type="tertiary",
        icon=":material/delete:",
        disabled=not stories.chosen,
        on_click=stories.drop,
    )


def told(path: BranchPath) -> str:
    """What a line of the tree means."""
    if not path:
        return "The story as the seed draws it"
    return f"Parts at token {path[-1].place}; the same seed draws what follows"


def quoted(str_token: str) -> str:
    """A token as a reader sees it, spaces and all."""
    return f"“{show.plain(THE_END if str_token == END else token_shown(str_token))}”"


def save(stories: LiveBranches) -> None:
    """The stories to take away, as text or with every probability."""
    name = f"story-{stories.address}-seed{stories.sampling.seed}"
    show.save(f"{name}.txt", stories.to_text)
    show.save(f"{name}.json", lambda: as_json(stories.to_json()))


def show_who_takes_no_requests(addresses: Sequence[str]) -> None:
    """Say of each model whether it was trained on requests."""
    for address in addresses:
        info = open_run(Address.parse(address).run).info
        if not info.answers_requests:
            st.info(f"{show.plain(address)}: {show.plain(info.no_requests)}")


st.title("What does the model write, and how sure is it?", anchor=False)
addresses = models.addresses()
view = st.segmented_control(
    "View",
    [STORY, SIDE_BY_SIDE],
    default=STORY,
    required=True,
    **WritingState.view.bound,
    label_visibility="collapsed",
)
if view == SIDE_BY_SIDE:
    with show.one_line():
        side_by_side(addresses)
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    opening = prompt_choice.choose(models.readers())
    sampling = selection.sampling()
prompt = opening.text
show.note(opening.note)
if is_record(prompt):
    show_who_takes_no_requests(addresses)
with show.one_line():
    trees = {
        letter: tree(letter, address, prompt, sampling)
        for letter, address in zip("ab", addresses, strict=False)
    }
    ticking = any(stories.story.writing for stories in trees.values())
    st.fragment(show_stories, run_every=0.25 if ticking else None)(trees, ticking)
st.caption(
    "Colour and hover show the model's own probability for each token, before temperature and cuts "
    "change it. Both models write from the same beginning and seed; a branch keeps the seed, too."
)
