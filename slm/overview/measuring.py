"""Measure an overview: heads, roles, ablations and what was learnt when; keep it with the run."""

from collections.abc import Generator
from typing import TypeVar

from slm.comparing.development import word_losses
from slm.comparing.measured import BEST_HEAD, MeasuredKind, measure
from slm.interp.heads.kept import measured_atlas
from slm.interp.neurons.index import index_of
from slm.interp.roles.scoring import STORIES, score_roles
from slm.overview import finds, predictions
from slm.overview.copying import copying
from slm.overview.heads import labelled_heads
from slm.overview.kept import keep, kept_overview, provenance, steps_read
from slm.overview.learning import histories, pair
from slm.overview.neurons import neurons_of
from slm.overview.records import Overview
from slm.progress import Progress
from slm.runs import Address, load_checkpoint, resolve
from slm.stories import shipped
from slm.stories.annotation.labelled import NURSERY, labelled

R = TypeVar("R")
ROLES, HEADS, ABLATIONS, CHECKPOINTS = (0.0, 0.45), (0.45, 0.65), (0.65, 0.7), (0.7, 0.9)
COPYING = (0.9, 1.0)
"""Which part of the whole work each part is, from and to."""


def measure_overview(address: str | Address) -> Generator[Progress, None, Overview]:
    """Measure an overview and keep it; one that is kept and still holds is read.

    Raises `BadInput` as `load_checkpoint` and `measured_atlas` do.
    """
    run, step = resolve(address)
    if (kept := kept_overview(address)) is not None:
        return kept
    made, checkpoint = provenance(run, step), load_checkpoint(Address(run.name, step))
    names, stories = labelled(checkpoint.tokenizer, NURSERY, STORIES)
    roles = yield from _part(ROLES, score_roles(checkpoint, stories, names))
    atlas = yield from _part(HEADS, measured_atlas(checkpoint))
    ablated = yield from _part(ABLATIONS, predictions.ablations(checkpoint))
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    neurons = neurons_of(roles.excited, index_of(checkpoint, texts, "shipped"))
    heads = labelled_heads(atlas)
    steps, words = steps_read(run, step), {}
    if len(steps) > 1:
        begin, end = CHECKPOINTS
        middle = begin + 0.7 * (end - begin)
        parts: tuple[tuple[MeasuredKind, tuple[float, float]], ...] = (
            ("heads", (begin, begin + 0.5 * (middle - begin))),
            ("knowledge", (begin + 0.5 * (middle - begin), middle)),
        )
        for what, part in parts:
            yield from _part(part, measure([run], what, steps=steps))
        for done, one in enumerate(steps):
            share = middle + (end - middle) * done / len(steps)
            yield Progress(doing=f"reading nursery words at step {one:,}", share=share)
            words[one] = word_losses(load_checkpoint(Address(run.name, one)))
    copied = yield from _part(COPYING, copying(run, checkpoint))
    history = histories(run, steps)
    learnt = pair(list(history.values())) if len(steps) > 1 else None
    largest, flip = (one(checkpoint, ablated) for one in (predictions.largest, predictions.flipped))
    overview = Overview(
        address=str(checkpoint.address),
        heads=heads,
        neurons=neurons,
        prediction=None if largest is None else predictions.prediction(checkpoint, largest),
        pair=learnt,
        copying=copied,
        finds=finds.in_order(
            [
                finds.induction_find(checkpoint, heads),
                finds.role_find(checkpoint, neurons),
                finds.flip_find(
                    checkpoint, flip, predictions.largest_on(ablated, checkpoint, pronouns=True)
                ),
                finds.names_find(run, history[BEST_HEAD, "names"]),
                finds.grammar_find(run, words),
                finds.checkpoints_find(run, checkpoint, learnt),
                finds.ablation_find(
                    checkpoint, largest, predictions.largest_on(ablated, checkpoint, pronouns=False)
                ),
            ]
        ),
    )
    if provenance(run, step) == made:  # nobody trained it anew meanwhile
        keep(run, step, made, overview)
    return overview


def _part(
    of_all: tuple[float, float], work: Generator[Progress, None, R]
) -> Generator[Progress, None, R]:
    """Work that is so much of the whole (from, to)."""
    begin, end = of_all
    while True:
        try:
            now = next(work)
        except StopIteration as finished:
            found: R = finished.value
            return found
        try:
            share = None if now.share is None else begin + (end - begin) * now.share
            yield Progress(doing=now.doing, share=share)
        except GeneratorExit:
            work.close()
            raise
