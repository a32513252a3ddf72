"""Panels of heads: all of them in a map and a table, the chosen one with its proof."""

from dataclasses import dataclass
from functools import cached_property, partial
from textwrap import wrap
from typing import Any

import numpy as np
import streamlit as st

from app import commands
from app.figures.heads import FAR, distance_profiles, head_map, proof
from app.state import picked_rows
from app.terms import help_of
from app.widgets import selection, show
from slm.interp.heads.atlas import HeadAtlas, Label
from slm.interp.heads.card import head_labels
from slm.interp.heads.scores import HeadScores
from slm.interp.heads.table import COLUMNS, heads_json, table
from slm.interp.heads.targets import HeadLabel
from slm.stats.interval import Intervals
from slm.stories.annotation import word_classes

STRONGEST = "the strongest"
SHORT = {
    HeadLabel.PREVIOUS: ("prev", "P"),
    HeadLabel.CURRENT: ("self", "C"),
    HeadLabel.FIRST: ("first", "F"),
    HeadLabel.DUPLICATE: ("dup", "D"),
    HeadLabel.INDUCTION: ("ind", "I"),
    HeadLabel.INDUCTION_STORIES: ("ind·s", "i"),
    HeadLabel.NAMES: ("names", "N"),
    HeadLabel.HERO: ("hero", "H"),
    HeadLabel.OBJECT: ("obj", "O"),
    HeadLabel.PLACE: ("place", "L"),
    word_classes.PRONOUN: ("pron", "p"),
    word_classes.DETERMINER: ("det", "d"),
    word_classes.CONJUNCTION: ("conj", "&"),
    word_classes.PREPOSITION: ("prep", "r"),
    word_classes.AUXILIARY: ("aux", "a"),
    word_classes.NEGATION: ("not", "¬"),
    word_classes.NAME_FIRST: ("Cap 1", "1"),
    word_classes.NAME_AGAIN: ("Cap 2", "2"),
    word_classes.OPENS_QUOTATION: ("“…", "“"),
    word_classes.OPENS_SENTENCE: (". Aa", "A"),
    word_classes.AFTER_NAMED: ("named", "m"),
    word_classes.AFTER_TO: ("to …", "t"),
    word_classes.AFTER_DETERMINER: ("a …", "n"),
    word_classes.ED: ("-ed", "e"),
    word_classes.ING: ("-ing", "g"),
    word_classes.LY: ("-ly", "y"),
}
"""How a label is written in the map: where there is room, and where there is not."""
ROOM = 8  # heads in a row that leave room for words
LINE = 27  # letters of a label that stand beside the proof in one line


@dataclass(frozen=True, kw_only=True, eq=False)
class Tested:
    """The scores of a model's heads, and the atlas once they were switched off."""

    scores: HeadScores
    atlas: HeadAtlas | None

    @cached_property
    def labels(self) -> list[list[tuple[Label, ...]]]:
        """Every head's labels, [layer][head], as `head_labels` orders them."""
        layers, heads = self.scores.distance.shape
        return [
            [head_labels(self.scores, self.atlas, layer, head) for head in range(heads)]
            for layer in range(layers)
        ]

    def csv(self, chosen: tuple[int, int] | None = None) -> str:
        """Format the numbers of every head, or of one."""
        rows = table(self.scores, self.atlas)
        return show.csv(COLUMNS, (row for row in rows if chosen in (None, row[:2])))

    @property
    def command(self) -> commands.Command:
        """What measures them in a terminal."""
        return commands.heads(str(self.scores.address), self.scores.corpus, self.scores.rows[0])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of every head."""
        return heads_json(self.scores, self.atlas)


def pick(point: dict[str, Any]) -> None:
    """Take the head that was clicked in the map or among the profiles, as Layer and Head do."""
    selection.choose_head(*point["customdata"])


def pick_row(key: str, heads: int) -> None:
    """Take the head whose row was clicked."""
    if rows := picked_rows(key):
        selection.choose_head(*divmod(rows[0], heads))


def colour(scores: HeadScores, kind: str) -> np.ndarray:
    """Return what colours the map: a score above its baseline, [layer head]."""
    if kind == STRONGEST:
        return np.asarray(np.nanmax(scores.difference.mean, -1))
    return np.asarray(scores.difference.mean[..., scores.kinds.index(kind)])


def headline(tested: Tested) -> None:
    """Say the answer in a sentence."""
    scores, atlas = tested.scores, tested.atlas
    total, beat = scores.distance.size, scores.is_significant().any(-1)
    if atlas is None:
        st.markdown(f"**{int(beat.sum())} of {total}** heads have a label; none is tested yet.")
        return
    confirmed = atlas.confirmed()
    proven = confirmed.any(-1)
    names = [
        f"{count} {kind}"
        for kind, count in zip(scores.kinds, confirmed.sum((0, 1)).tolist(), strict=True)
        if count
    ]
    st.markdown(
        f"**{int(proven.sum())} of {total}** heads have a confirmed label"
        + (f" ({', '.join(names)})" if names else "")
        + f"; {int((beat & ~proven).sum())} have one that is unconfirmed (?), "
        f"{int((~beat).sum())} are unclassified."
    )


def the_map(tested: Tested, kind: str, chosen: tuple[int, int], full: float) -> None:
    """Show every head in a map, to be picked."""
    scores = tested.scores
    heads = scores.distance.shape[1]
    values, names, told = colour(scores, kind), [], []
    for layer, every in enumerate(tested.labels):
        names.append([short(one, heads, kind) for one in every])
        told.append(
            [
                f"<b>layer {layer}, head {head}</b><br>"
                + ("<br>".join(map(said, one)) or "unclassified")
                for head, one in enumerate(every)
            ]
        )
    show.figure(
        head_map(values, names, told, show.colours(), chosen, full),
        name=f"map-{scores.address}",
        key=f"map-{scores.address}",
        alt=f"every head of {scores.address}; the chosen one is framed",
        table=tested.csv,
        everything=tested.to_json,
        command=tested.command,
        on_pick=pick,
    )
    written = {name.rstrip("?") for row in names for name in row}
    shorts = {kind: both[heads > ROOM] for kind, both in SHORT.items()}
    meaning = [f"{short}: {kind}" for kind, short in shorts.items() if short in written]
    meaning += ["←3: three back"] if any(name.startswith("←") for name in written) else []
    if meaning:
        st.caption(show.plain(", ".join([*meaning, "?: unconfirmed"])))


def said(label: Label) -> str:
    """Format a label with its state."""
    return label.name if label.confirmed else f"{label.name}, unconfirmed"


def short(every: tuple[Label, ...], heads: int, kind: str) -> str:
    """Return the label in the map: the strongest confirmed one, or the strongest."""
    if kind != STRONGEST:
        every = tuple(label for label in every if label.kind == kind)
    best = sorted(every, key=lambda label: not label.confirmed)
    if not best:
        return ""
    if best[0].kind == HeadLabel.DISTANCE:
        name = f"←{best[0].name.split()[0]}"
    else:
        name = SHORT[best[0].kind][heads > ROOM]
    return name if best[0].confirmed else f"{name}?"


def profiles(tested: Tested, chosen: tuple[int, int]) -> None:
    """Show heads' mean attention by distance; a click takes one."""
    scores = tested.scores
    peak = int(scores.profile[chosen][:FAR].argmax())
    show.figure(
        distance_profiles(scores.profile, show.colours(), chosen),
        name=f"distances-{scores.address}",
        key=f"profiles-{scores.address}",
        alt=f"mean attention by distance, every head of {scores.address}",
        command=tested.command,
        on_pick=pick,
        note=f"Mean attention by distance over {scores.rows[0]} stories of {scores.corpus}, the first "
        f"token left out. Layer {chosen[0]}, head {chosen[1]} looks most at {peak} back",
        table=lambda: show.csv(
            ("layer", "head", "tokens back", "mean attention"),
            (
                (layer, head, back, f"{value:.6f}")
                for (layer, head, back), value in np.ndenumerate(scores.profile)
            ),
        ),
    )


def proof_names(tested: Tested, chosen: tuple[int, int]) -> list[str]:
    """Name the rows of the proof: bold where the head has the label, ✓ where it is confirmed."""
    scores, (layer, head) = tested.scores, chosen
    every = {label.kind: label for label in tested.labels[layer][head]}
    names = []
    for kind in scores.kinds:
        name = f"{scores.distance[chosen]} back" if kind == HeadLabel.DISTANCE else kind
        name = "<br>".join(wrap(name, LINE))
        if kind in every:
            name = f"<b>{name}</b> {'✓' if every[kind].confirmed else '?'}"
        names.append(name)
    return names


def every_kind(tested: Tested, chosen: tuple[int, int]) -> None:
    """Show one head's scores beside their baselines, and its ablation effects."""
    scores, atlas, (layer, head) = tested.scores, tested.atlas, chosen
    address = scores.address
    show.figure(
        proof(
            proof_names(tested, chosen),
            triples(scores.score, chosen),
            triples(scores.baseline, chosen),
            None if atlas is None else triples(atlas.ablation_on_target, chosen),
            None if atlas is None else triples(atlas.ablation_off_target, chosen),
            show.colours(),
        ),
        name=f"head-{address}-layer{layer}-head{head}",
        table=partial(tested.csv, chosen),
        everything=tested.to_json,
        command=tested.command,
        note=f"{address}, blocks.{layer}.attn.hook_pattern and hook_z of head {head}; switched off: its "
        "mean over the stories; 95 % intervals over stories",
    )


def triples(of: Intervals, chosen: tuple[int, int]) -> list[tuple[float, float, float]]:
    """Return mean, low and high of every kind."""
    parts = (of.mean[chosen], of.low[chosen], of.high[chosen])
    return [(float(a), float(b), float(c)) for a, b, c in zip(*parts, strict=True)]


def the_table(tested: Tested) -> None:
    """Show every head in a table, to be sorted and picked."""
    scores, atlas = tested.scores, tested.atlas
    layers, heads = scores.distance.shape
    rows: list[dict[str, object]] = []
    for layer in range(layers):
        for head in range(heads):
            every = tested.labels[layer][head]
            cost = None
            if atlas is not None:
                cost = float(
                    atlas.ablation_on_target.mean[
                        layer, head, scores.kinds.index(HeadLabel.PREVIOUS)
                    ]
                )
            rows.append(
                {
                    "layer": layer,
                    "head": head,
                    "confirmed": ", ".join(label.name for label in every if label.confirmed),
                    "unconfirmed": ", ".join(label.name for label in every if not label.confirmed),
                    "cost": cost,
                    **{
                        kind: float(scores.difference.mean[layer, head, at])
                        for at, kind in enumerate(scores.kinds)
                    },
                }
            )
    key = f"table-{scores.address}"
    percent = {
        kind: st.column_config.NumberColumn(
            format="percent", help="Share of attention above the baseline"
        )
        for kind in scores.kinds
    }
    st.dataframe(
        rows,
        column_config={
            **percent,
            "confirmed": st.column_config.TextColumn(width="medium"),
            "unconfirmed": st.column_config.TextColumn(width="medium"),
            "cost": st.column_config.NumberColumn(
                "ablation effect",
                format="%.3f",
                help=help_of("ablation effect"),
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
        table=tested.csv,
        everything=tested.to_json,
        command=tested.command,
    )
