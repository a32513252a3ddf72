"""What `slm train --resume` makes of its other arguments: a run goes on as it began."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from slm.errors import BadInput, shown

if TYPE_CHECKING:
    from slm.runs import RunInfo


def check_resumed(chosen: argparse.Namespace, info: "RunInfo") -> None:
    """Raise `BadInput` naming every argument that is given and is not what the run began with.

    A run may go on on another `--device`; `--corpus` and `--valid` may lie elsewhere now, which is
    seen when they are read.
    """
    if wrong := list(_differing(chosen, info)):
        named = ", ".join(f"{flag} {shown(given)} (it has {had})" for flag, given, had in wrong)
        raise BadInput(
            f"run {chosen.name!r} goes on as it began: leave out {named}; a new run that begins with "
            f"its weights is --from {chosen.name}"
        )


def _differing(chosen: argparse.Namespace, info: "RunInfo") -> Iterator[tuple[str, object, object]]:
    """Flag, what was given, and what the run has, where these are not the same."""
    from slm.model.config import named_shape
    from slm.recipe import Recipe, named_recipe
    from slm.runs import Address

    config, recipe = info.config, Recipe(**info.recipe)
    if chosen.shape is not None:
        asked = named_shape(chosen.shape)
        if replace(asked, d_vocab=config.d_vocab, n_ctx=config.n_ctx) != config:
            yield "--shape", chosen.shape, config.shape
    if chosen.parent is not None:
        asked_for, had = Address.parse(chosen.parent), info.parent
        if asked_for not in (Address.parse(had), Address(had.split("@")[0])) if had else True:
            yield "--from", chosen.parent, had or "no parent"
    if chosen.recipe is not None:
        kind = named_recipe(chosen.recipe)
        if (kind.optimizer, kind.schedule) != (recipe.optimizer, recipe.schedule):
            yield "--recipe", chosen.recipe, f"{recipe.optimizer}, {recipe.schedule}"
    if chosen.minutes is not None:
        yield "--minutes", chosen.minutes, f"{recipe.tokens} tokens to read"
    precision = None if chosen.precision == "auto" else chosen.precision
    for flag, given, has in (
        ("--vocab", chosen.vocab, info.corpus.get("vocabulary", config.d_vocab)),
        ("--context", chosen.context, config.n_ctx),
        ("--tokens", chosen.tokens, recipe.tokens),
        ("--batch", chosen.batch, recipe.batch),
        ("--seed", chosen.seed, recipe.seed),
        ("--checkpoints", chosen.checkpoints, recipe.checkpoints),
        ("--precision", precision, recipe.precision),
        ("--muon-lr", chosen.muon_lr, recipe.muon_lr),
        ("--adam-lr", chosen.adam_lr, recipe.adam_lr),
    ):
        if given is not None and given != has:
            yield flag, given, has
