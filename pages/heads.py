"""What does each head do?"""

import json
from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from app import cache, selection, show, trust
from app.figures.heads import FAR, distance_profiles, head_map, proof
from app.scoring import Work
from slm.lens.estimates import Estimates
from slm.lens.head_scores import EFFECT, HeadScores
from slm.lens.head_table import COLUMNS, as_json, table
from slm.lens.head_targets import KINDS, STORIES, Kind
from slm.lens.heads import HARM, HeadAtlas, Label, labels

STRONGEST = "the strongest"
SHORT = {
    Kind.PREVIOUS: ("prev", "P"),
    Kind.CURRENT: ("self", "C"),
    Kind.FIRST: ("first", "F"),
    Kind.DUPLICATE: ("dup", "D"),
    Kind.INDUCTION: ("ind", "I"),
    Kind.INDUCTION_STORIES: ("ind·s", "i"),
    Kind.NAMES: ("names", "N"),
    Kind.HERO: ("hero", "H"),
    Kind.OBJECT: ("obj", "O"),
    Kind.PLACE: ("place", "L"),
}
"""How a label is written in the map: where there is room, and where there is not."""
ROOM = 8  # heads in a row that leave room for words
WAIT = 0.4  # seconds until a bar is shown
Tested = tuple[HeadScores, HeadAtlas | None]


def progress(works: Mapping[str, Work[HeadAtlas]]) -> None:
    """How far the testing of labels has come, and a way to end it."""
    running = {address: work for address, work in works.items() if work.running}
    if not running:
        st.rerun()
    for address, work in running.items():
        left = work.seconds_left
        told = "" if left is None else f", about {show.duration(left)} left"
        st.progress(
            min(work.share, 1.0), show.plain(f"Testing the labels of {address}: {work.doing}{told}")
        )
    if st.button("Cancel", key="cancel-heads"):
        for work in running.values():
            work.cancel()


def ended(address: str, work: Work[HeadAtlas], stories: int) -> None:
    """Say why labels are not tested, and offer to begin again."""
    if work.error:
        st.error(show.sentence(work.error))
    else:
        st.info("Cancelled: no label is confirmed.")
    if st.button("Test the labels", key=f"again-{address}"):
        cache.heads_again(address, stories)
        st.rerun()


def pick(key: str) -> None:
    """Take the head that was clicked in the map or among the profiles."""
    if points := st.session_state[key].selection.points:
        st.session_state["layer"], st.session_state["head"] = points[0]["customdata"]


def pick_row(key: str, heads: int) -> None:
    """Take the head whose row was clicked."""
    if rows := st.session_state[key]["selection"]["rows"]:
        st.session_state["layer"], st.session_state["head"] = divmod(rows[0], heads)


def found(tested: Tested, layer: int, head: int) -> tuple[Label, ...]:
    """A head's labels, the strongest first."""
    scores, atlas = tested
    return labels(scores, layer, head, None if atlas is None else atlas.confirmed()[layer, head])


def colour(scores: HeadScores, kind: str) -> np.ndarray:
    """What colours the map: a score above its baseline, [layer head]."""
    if kind == STRONGEST:
        return np.asarray(np.nanmax(scores.difference.mean, -1))
    return np.asarray(scores.difference.mean[..., KINDS.index(Kind(kind))])


def headline(tested: Tested) -> None:
    """The answer in a sentence."""
    scores, atlas = tested
    total, beat = scores.distance.size, scores.beats().any(-1)
    if atlas is None:
        st.markdown(f"**{int(beat.sum())} of {total}** heads have a label; none is tested yet.")
        return
    proven = atlas.confirmed().any(-1)
    names = [
        f"{int(atlas.confirmed()[..., at].sum())} {kind}"
        for at, kind in enumerate(KINDS)
        if atlas.confirmed()[..., at].any()
    ]
    st.markdown(
        f"**{int(proven.sum())} of {total}** heads have a confirmed label"
        + (f" ({', '.join(names)})" if names else "")
        + f"; {int((beat & ~proven).sum())} have one that is unconfirmed (?), "
        f"{int((~beat).sum())} are unclassified."
    )


def the_map(tested: Tested, kind: str, chosen: tuple[int, int], full: float) -> None:
    """Every head, to be picked."""
    scores, _ = tested
    layers, heads = scores.distance.shape
    values, names, told = colour(scores, kind), [], []
    for layer in range(layers):
        every = [found(tested, layer, head) for head in range(heads)]
        names.append([short(one, heads, kind) for one in every])
        told.append(
            [
                f"<b>layer {layer}, head {head}</b><br>"
                + ("<br>".join(map(said, one)) or "unclassified")
                for head, one in enumerate(every)
            ]
        )
    key = f"map-{scores.address}"
    st.plotly_chart(
        head_map(values, names, told, show.colours(), chosen, full),
        theme=None,
        key=key,
        selection_mode="points",
        config={"displayModeBar": False},
        on_select=partial(pick, key),
        alt=f"every head of {scores.address}; the chosen one is framed",
    )
    if heads > ROOM:
        letters = [f"{letter} {kind}" for kind, (_, letter) in SHORT.items()]
        st.caption(show.plain(", ".join([*letters, "←3 three back", "? unconfirmed"])))


def said(label: Label) -> str:
    """A label with what became of it."""
    return label.name if label.confirmed else f"{label.name}, unconfirmed"


def short(every: tuple[Label, ...], heads: int, kind: str) -> str:
    """The label that stands in the map: the strongest confirmed one, or the strongest."""
    if kind != STRONGEST:
        every = tuple(label for label in every if label.kind == kind)
    best = sorted(every, key=lambda label: not label.confirmed)
    if not best:
        return ""
    if best[0].kind == Kind.DISTANCE:
        name = f"←{best[0].name.split()[0]}"
    else:
        name = SHORT[best[0].kind][heads > ROOM]
    return name if best[0].confirmed else f"{name}?"


def profiles(scores: HeadScores, chosen: tuple[int, int]) -> None:
    """How far back heads look; a click takes one."""
    key = f"profiles-{scores.address}"
    st.plotly_chart(
        distance_profiles(scores.profile, show.colours(), chosen),
        theme=None,
        key=key,
        selection_mode="points",
        config={"displayModeBar": False},
        on_select=partial(pick, key),
        alt=f"mean attention by distance, every head of {scores.address}",
    )
    peak = int(scores.profile[chosen][:FAR].argmax())
    show.footer(
        name=f"distances-{scores.address}",
        note=f"Mean attention by distance over {scores.rows[0]} nursery stories, the first token left "
        f"out. Layer {chosen[0]}, head {chosen[1]} looks most at {peak} back",
        table=lambda: show.csv(
            ("layer", "head", "tokens back", "mean attention"),
            (
                (layer, head, back, f"{value:.6f}")
                for (layer, head, back), value in np.ndenumerate(scores.profile)
            ),
        ),
    )


def the_proof(tested: Tested, chosen: tuple[int, int]) -> None:
    """One head: every score beside its baseline, and what it is worth where it would serve."""
    scores, atlas = tested
    address, (layer, head) = scores.address, chosen
    st.markdown(f"**Layer {layer}, head {head}.** " + sentence(tested, chosen))
    st.page_link(
        "../pages/attention.py", label="Where it looks in a story",
        query_params=link(str(address), chosen),
    )  # fmt: skip
    every = {label.kind: label for label in found(tested, layer, head)}
    names = []
    for kind in KINDS:
        name = f"{scores.distance[chosen]} back" if kind == Kind.DISTANCE else str(kind)
        if kind in every:
            name = f"<b>{name}</b> {'✓' if every[kind].confirmed else '?'}"
        names.append(name)
    nothing = [(float("nan"),) * 3] * len(KINDS)
    show.figure(
        proof(
            names,
            triples(scores.score, chosen),
            triples(scores.baseline, chosen),
            nothing if atlas is None else triples(atlas.harm, chosen),
            nothing if atlas is None else triples(atlas.elsewhere, chosen),
            show.colours(),
        ),
        name=f"head-{address}-layer{layer}-head{head}",
        table=lambda: show.csv(
            COLUMNS, (row for row in table(scores, atlas) if row[:2] == (layer, head))
        ),
        everything=lambda: json.dumps(as_json(scores, atlas), ensure_ascii=False),
        note=f"{address}, blocks.{layer}.attn.hook_pattern and hook_z of head {head}; switched off: its "
        "mean over the stories; 95 % intervals over stories",
    )


def triples(of: Estimates, chosen: tuple[int, int]) -> list[tuple[float, float, float]]:
    """Mean, low and high of every kind."""
    parts = (of.mean[chosen], of.low[chosen], of.high[chosen])
    return [(float(a), float(b), float(c)) for a, b, c in zip(*parts, strict=True)]


def sentence(tested: Tested, chosen: tuple[int, int]) -> str:
    """What a head does, as far as that is proven."""
    _, atlas = tested
    every = found(tested, *chosen)
    proven = [f"**{label.name}**" for label in every if label.confirmed]
    rest = [label.name for label in every if not label.confirmed]
    words = []
    if proven:
        words.append(f"Confirmed: {', '.join(proven)}.")
    if rest and atlas is not None:
        words.append(
            f"Unconfirmed: {', '.join(rest)}. It looks there more than the baseline does, but switching "
            "it off does not clearly hurt what that would serve."
        )
    if rest and atlas is None:
        words.append(f"Looks more than the baseline does at: {', '.join(rest)}. Not tested yet.")
    if not every:
        words.append("Unclassified: no score clearly beats its baseline.")
    if atlas is not None:
        at = (*chosen, KINDS.index(Kind.PREVIOUS))
        words.append(
            f"Without it stories cost {atlas.harm.mean[at]:+.3f} nats a token "
            f"({atlas.harm.low[at]:+.3f} to {atlas.harm.high[at]:+.3f})."
        )
    return " ".join(words)


def link(address: str, chosen: tuple[int, int]) -> dict[str, str]:
    """The attention page with this head of this model."""
    return {"a": address, "layer": str(chosen[0]), "head": str(chosen[1])}


def the_table(tested: Tested) -> None:
    """Every head, to be sorted and picked."""
    scores, atlas = tested
    layers, heads = scores.distance.shape
    rows: list[dict[str, object]] = []
    for layer in range(layers):
        for head in range(heads):
            every = found(tested, layer, head)
            cost = None
            if atlas is not None:
                cost = float(atlas.harm.mean[layer, head, KINDS.index(Kind.PREVIOUS)])
            rows.append(
                {
                    "layer": layer,
                    "head": head,
                    "confirmed": ", ".join(label.name for label in every if label.confirmed),
                    "unconfirmed": ", ".join(label.name for label in every if not label.confirmed),
                    "cost": cost,
                    **{
                        str(kind): float(scores.difference.mean[layer, head, at])
                        for at, kind in enumerate(KINDS)
                    },
                }
            )
    key = f"table-{scores.address}"
    percent = {
        str(kind): st.column_config.NumberColumn(
            format="percent", help="Share of attention above the baseline"
        )
        for kind in KINDS
    }
    st.dataframe(
        rows,
        column_config={
            **percent,
            "confirmed": st.column_config.TextColumn(width="medium"),
            "unconfirmed": st.column_config.TextColumn(width="medium"),
            "cost": st.column_config.NumberColumn(
                "cost of switching off", format="%.3f", help="Nats a token, anywhere in a story"
            ),
        },
        hide_index=True,
        height=330,
        key=key,
        selection_mode="single-row",
        on_select=partial(pick_row, key, heads),
    )
    show.footer(
        name=f"heads-{scores.address}",
        note="Click a column's name to sort, a row to pick its head. Kinds: the share of attention "
        "above the baseline",
        table=lambda: show.csv(COLUMNS, table(scores, atlas)),
        everything=lambda: json.dumps(as_json(scores, atlas), ensure_ascii=False),
    )


st.title("What does each head do?", anchor=False)
addresses = selection.addresses()
alone = len(addresses) == 1
with st.container(horizontal=True, vertical_alignment="bottom"):
    kind = st.selectbox(
        "Colour by", [STRONGEST, *map(str, KINDS)], key="kind", bind="query-params", width=210,
        help="How much more attention goes there than in the baseline.",
    )  # fmt: skip
    chosen = selection.head(selection.config())
    stories = int(
        st.number_input(
            "Stories", 16, 256, STORIES, 16, key="told", bind="query-params", width=120,
            help="More stories, narrower intervals. Heads are switched off on the first 24.",
        )
    )  # fmt: skip
all_scores: dict[str, HeadScores] = {}
works: dict[str, Work[HeadAtlas]] = {}
for address in addresses:
    with show.one_line():
        all_scores[address] = cache.head_scores(address, stories)
        works[address] = cache.head_atlas(address, stories)
for work in works.values():
    work.wait(WAIT)
if any(work.running for work in works.values()):
    st.fragment(partial(progress, works), run_every=0.5)()
full = max([EFFECT, *(float(np.nanmax(colour(one, kind))) for one in all_scores.values())])
for column, address in selection.columns():
    if address not in all_scores:
        continue
    with column, show.one_line():
        work, scores = works[address], all_scores[address]
        tested: Tested = (scores, work.result)
        if work.result is None and not work.running:
            ended(address, work, stories)
        headline(tested)
        left, right = column.columns([1, 1], gap="large") if alone else (column, column)
        layers, heads = scores.distance.shape
        there = chosen[0] < layers and chosen[1] < heads
        with left:
            the_map(tested, kind, chosen, full)
            if there:
                profiles(scores, chosen)
        with right:
            if there:
                the_proof(tested, chosen)
            else:
                st.info(f"This model has no head {chosen[1]} in layer {chosen[0]}.")
        the_table(tested)
st.caption(
    show.plain(
        "How it was computed: a score is the share of a token's attention that goes where a head of that "
        "kind would look, on nursery stories (for induction, random tokens that repeat). Its "
        "baseline is the same attention with the targets moved: to the same places of other stories, to "
        "neighbours, or to other words of the same class, whichever gives more. A label needs "
        f"{EFFECT:.0%} of attention above the baseline, and is confirmed where switching the head off "
        f"costs at least {HARM} nats more where the label says it serves than elsewhere."
    )
)
for column, address in selection.columns(titled=False):
    with column, show.one_line():
        trust.panel(address)
