"""Views of what models write in a lesson: at temperatures, by checkpoints, by shapes, of known stories."""

from collections.abc import Sequence

import streamlit as st

from app import cache
from app.live import LiveStory
from app.state import LessonsState
from app.views.lessons.heads import Link
from app.widgets import selection, show
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.generation.fitting import opening_that_fits
from slm.generation.sampler import Sampling
from slm.lessons import views
from slm.lessons.kept import kept
from slm.lessons.measures import copying, grades, shapes, trainings
from slm.lessons.sides import first_is
from slm.runs import Address, open_run

AT_A_TIME = 0.12  # seconds of writing between two looks


def writing(view: views.ShowWriting, address: str) -> Link:
    """Write one story for each temperature, live."""
    more = LessonsState.seed.get() or 0
    places = [(address, temperature) for temperature in view.temperatures]
    titles = [f"temperature {temperature:g}" for temperature in view.temperatures]
    _write(places, titles, view.prompt, view.tokens, view.seed + more)
    st.button("Another", on_click=_another, key="lessons-another")
    return {
        "opening": selection.OWN,
        "prompt": view.prompt,
        "temperature": f"{view.temperatures[-1]:g}",
        "seed": str(view.seed + more),
    }


def _another() -> None:
    LessonsState.seed.set((LessonsState.seed.get() or 0) + 1)


def shaped(view: views.ShowShapes, address: str) -> Link:
    """Show completions of one prompt by two shapes of a grid, unnamed until revealed."""
    pair = [str(Address(cell.run.name, cell.run.last_step)) for cell in shapes.apart(view.by)]
    if first_is(view) == "right":
        pair.reverse()
    titles = pair if view.names else ["Left", "Right"]
    _write([(one, 0.8) for one in pair], titles, view.prompt, 60, 1)
    return {}


def two_trainings(view: views.ShowTwoTrainings, address: str) -> Link:
    """Show completions of one prompt by both models that the lesson trained."""
    try:
        both = [str(one.address) for one in trainings.both()]
    except BadInput:
        _written_before()
        return {}
    _write([(one, 0.8) for one in both], both, view.prompt, 50, 3)
    return {
        "a": trainings.DOGS,
        "b": trainings.CATS,
        "opening": selection.OWN,
        "prompt": view.prompt,
    }


def _written_before() -> None:
    """Show kept completions, where there is no time to train."""
    there = kept()
    if there is None:
        raise BadInput("the two models must be trained first, a step back")
    st.caption("Not trained here yet. This is what two such models wrote once:")
    for place, (run, story) in zip(st.columns(2), there.stories.items(), strict=True):
        with place.container(border=True):
            st.markdown(f"**{show.plain(run)}**")
            st.markdown(show.plain(story))


def _write(
    places: Sequence[tuple[str, float]], titles: Sequence[str], prompt: str, tokens: int, seed: int
) -> None:
    """Write stories side by side, each of a model at a temperature."""
    kept = LessonsState.stories.at_first({})
    stories = []
    for address, temperature in places:
        asked = (address, temperature, prompt, tokens, seed)
        if asked not in kept:
            model = cache.checkpoint(address)
            opening = opening_that_fits([model], prompt)
            sampling = Sampling(
                temperature=temperature, max_tokens=tokens, seed=seed, alternatives=5
            )
            kept[asked] = LiveStory(model, opening.text, sampling)
            for old in list(kept)[:-12]:
                kept.pop(old)
        stories.append(kept[asked])
    going = any(story.writing for story in stories)
    st.fragment(_show, run_every=0.25 if going else None)(stories, titles)


def _show(stories: Sequence[LiveStory], titles: Sequence[str]) -> None:
    wrote = any(story.writing for story in stories)
    for at, (place, story, title) in enumerate(
        zip(st.columns(len(stories), gap="large"), stories, titles, strict=True)
    ):
        story.advance(AT_A_TIME)
        with place:
            st.markdown(f"**{show.plain(title)}**")
            story_view(
                story.shown(),
                key=f"lessons-written-{at}",
                label="probability",
                writing=story.writing,
            )
            if story.error:
                st.error(show.sentence(story.error))
    if wrote and not any(story.writing for story in stories):
        st.rerun()


def tokens(view: views.ShowTokens, address: str) -> Link:
    """Show a text that the reader may change, as tokens."""
    text = st.text_input("Text", view.text, key=f"lessons-tokens-{view.text}", max_chars=200)
    model = cache.checkpoint(address)
    found = cache.to_str_tokens(address, tuple(model.tokenizer.encode_words(text or "")))
    story_view(
        [Shown(text=token, value=0.25 + 0.5 * (at % 2)) for at, token in enumerate(found)],
        key=f"lessons-tokens-view-{address}",
        label="",
    )
    st.caption(f"{len(text or '')} characters, {len(found)} tokens of {model.config.d_vocab:,}.")
    return {"opening": selection.OWN, "prompt": text or view.text}


def checkpoints(view: views.ShowCheckpoints, address: str) -> Link:
    """Show the run's sample at each checkpoint."""
    run = open_run(Address.parse(address).run)
    samples = run.samples()
    steps = sorted({sample["step"] for sample in samples})
    if not steps:
        raise BadInput(f"{run.name} kept nothing of what it wrote while it learned")
    kept = LessonsState.checkpoint.of(run.name)
    kept.at_first(steps[0 if view.start == "first" else -1])
    chosen = steps[0]
    if len(steps) > 1:
        chosen = st.select_slider("after step", steps, key=kept.key, format_func="{:,}".format)
    mine = [sample for sample in samples if sample["step"] == chosen]
    for sample in mine[:2]:
        with st.container(border=True):
            st.markdown(
                f"**{show.plain(sample['prompt'])}**{show.plain(' ' + sample['text'][:400])}"
            )
    st.caption(show.plain(f"Written by {run.name} after step {chosen:,} of {steps[-1]:,}."))
    return {}


def ending(view: views.ShowEnding, address: str) -> Link:
    """Show a training story, cut: its own ending beside the model's."""
    model = cache.checkpoint(address)
    seen = copying.seen_stories(model, view.story + 1)
    if len(seen) <= view.story:
        raise BadInput(
            f"this model can end {len(seen)} of its training stories, and not {view.story + 1}"
        )
    (one,) = copying.ended(model, [seen[view.story]])
    book = one.story[len(one.beginning) :]
    sides = [("the model's ending", one.text), ("the book's ending", book[: len(one.text) + 40])]
    if first_is(view) == "right":
        sides.reverse()
    with st.container(border=True):
        st.markdown(show.plain(one.beginning) + " …")
    for place, title, (name, text) in zip(st.columns(2), ("Left", "Right"), sides, strict=True):
        with place.container(border=True):
            st.markdown(f"**{title}{f': {name}' if view.names else ''}**")
            st.markdown("… " + show.plain(text))
    return {}


def two_stories(view: views.ShowTwoStories, address: str) -> Link:
    """Show two texts to grade, and the model's grade by likelihood."""
    model = cache.checkpoint(address)
    for place, title, text in zip(st.columns(2), ("A", "B"), (view.a, view.b), strict=True):
        with place.container(border=True):
            st.markdown(f"**{title}**")
            st.markdown(show.plain(text))
            if view.likelihood:
                cost = grades.grade(model, text[: text.find(".") + 1], text[text.find(".") + 1 :])
                st.caption(show.plain(f"{cost:.2f} nats a token: lower is the better grade"))
    return {}
