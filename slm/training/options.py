"""Read the options of `slm train` as a `TrainingSpec`, and write one as options."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from slm.errors import BadInput, shown
from slm.model.config import FROM_THE_PAPER, PRESETS, ModelConfig, named_shape
from slm.seeds import parse_seed
from slm.stories.instruct import fields_named

if TYPE_CHECKING:  # they import torch, which `slm --help` does not wait for
    from slm.runs import Run
    from slm.training.spec import ResumeSpec, TrainingSpec

DEFAULT_SHAPE = "64x2x4"
RECIPE_OPTIONS = ("tokens", "batch", "seed", "checkpoints", "precision", "muon_lr", "adam_lr")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `slm train`, but for `--name`."""
    parser.add_argument(
        "--corpus",
        help="stories: a path, a hub name, or nursery (the default). How a file is read may follow "
        "its name: "
        "PATH:lines, :blank-lines, :passages, :csv, :mark=TEXT (what parts stories in a .txt), "
        ":text=COLUMN, :keep-truncated, :drop-truncated (what ends without a sentence's mark)",
    )
    parser.add_argument("--valid", help="validation corpus; default: held out of the corpus")
    parser.add_argument(
        "--without",
        help="leave out every instruct record that holds all of these fields: Words+Summary",
    )
    parser.add_argument(
        "--shape",
        help=f"d_model x n_layers x n_heads (default: {DEFAULT_SHAPE}), or {', '.join(PRESETS)}. "
        f"{FROM_THE_PAPER}",
    )
    parser.add_argument("--from", dest="parent", help="start from this checkpoint's weights")
    parser.add_argument(
        "--tokens", type=_count, help="how many tokens to read, such as 5M (default: 20M)"
    )
    parser.add_argument("--minutes", type=float, help="how long to train, instead of --tokens")
    parser.add_argument(
        "--vocab", type=int, help="d_vocab, the size of the vocabulary (default: 4096)"
    )
    parser.add_argument("--context", type=int, help="n_ctx, the context in tokens (default: 256)")
    parser.add_argument(
        "--batch", type=int, help="batch size: rows of n_ctx tokens a step (default: 16)"
    )
    parser.add_argument(
        "--seed", type=parse_seed, help="seed of initial weights and order (default: 0)"
    )
    parser.add_argument(
        "--checkpoints", type=int, help="checkpoints besides the early ones (default: 20)"
    )
    parser.add_argument(
        "--precision",
        help="precision of matrix products: float32, bfloat16, or auto (the default): whichever is "
        "faster here",
    )
    parser.add_argument(
        "--recipe",
        help="muon (default): Muon and AdamW, rates that fall to 0; "
        "paper: AdamW at a constant 5e-4, as published",
    )
    parser.add_argument(
        "--muon-lr",
        type=float,
        help="peak learning rate of Muon: the blocks' matrices (default: the recipe's)",
    )
    parser.add_argument(
        "--adam-lr",
        type=float,
        help="peak learning rate of AdamW: embeddings, gains and biases (default: the recipe's)",
    )
    parser.add_argument(
        "--device", default="auto", help="auto (CUDA where it is there), cpu, cuda, mps"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with this run, as it began; --device may differ",
    )


def parse(name: str, words: Sequence[str]) -> "TrainingSpec | ResumeSpec":
    """Return what `slm train --name NAME` with these words means; `BadInput` where it means nothing."""
    parser = _Parser(prog="slm train", allow_abbrev=False)
    add_options(parser)
    return spec_of(parser.parse_args(words, argparse.Namespace(name=name)))


def spec_of(chosen: argparse.Namespace) -> "TrainingSpec | ResumeSpec":
    """Return the training that the parsed options mean; `BadInput` where they contradict each other."""
    from slm.recipe import named_recipe
    from slm.runs import open_run
    from slm.training.spec import ResumeSpec, TrainingSpec

    if chosen.resume:
        check_resumed(chosen, open_run(chosen.name))
        return ResumeSpec(
            name=chosen.name, corpus=chosen.corpus, valid=chosen.valid, device=chosen.device
        )
    if chosen.tokens is not None and chosen.minutes is not None:
        raise BadInput("give --tokens or --minutes, not both")
    shaping = {"--shape": chosen.shape, "--vocab": chosen.vocab, "--context": chosen.context}
    if chosen.parent and (given := [name for name, value in shaping.items() if value is not None]):
        raise BadInput(f"with --from the shape is the parent's: leave out {' and '.join(given)}")
    recipe = named_recipe(chosen.recipe or "muon")
    if chosen.muon_lr is not None and recipe.optimizer != "muon":
        raise BadInput(f"the recipe {chosen.recipe} has no Muon: leave out --muon-lr")
    asked = {name: getattr(chosen, name) for name in RECIPE_OPTIONS}
    return TrainingSpec(
        name=chosen.name,
        config=None if chosen.parent else _config(chosen),
        parent=chosen.parent or None,
        corpus=chosen.corpus or "nursery",
        valid=chosen.valid,
        recipe=replace(recipe, **{k: v for k, v in asked.items() if v is not None}),
        minutes=chosen.minutes,
        device=chosen.device,
        without=fields_named(chosen.without.split("+")) if chosen.without else (),
    )


def _config(chosen: argparse.Namespace) -> ModelConfig:
    from slm.stories.tokenizer import check_vocabulary

    config = named_shape(chosen.shape or DEFAULT_SHAPE)
    if chosen.vocab is not None:
        check_vocabulary(chosen.vocab)  # whose range is narrower than a model's
    return replace(
        config,
        d_vocab=config.d_vocab if chosen.vocab is None else chosen.vocab,
        n_ctx=config.n_ctx if chosen.context is None else chosen.context,
    )


def words_of(spec: "TrainingSpec") -> list[str]:
    """Return the options of `slm train`, but for defaults, that mean `spec`; `parse` reads them."""
    from slm.recipe import RECIPES

    words: list[str] = []
    if spec.config is not None:
        config, d_vocab, n_ctx = spec.config, spec.config.d_vocab, spec.config.n_ctx
        presets = (
            name
            for name, preset in PRESETS.items()
            if replace(preset, d_vocab=d_vocab, n_ctx=n_ctx) == config
        )
        shape = next(presets, config.shape)
        words += ["--shape", shape]
        for flag, size in (("--vocab", "d_vocab"), ("--context", "n_ctx")):
            if getattr(config, size) != getattr(named_shape(shape), size):
                words += [flag, str(getattr(config, size))]
    kinds = {(one.optimizer, one.schedule): name for name, one in RECIPES.items()}
    kind = kinds.get((spec.recipe.optimizer, spec.recipe.schedule), "muon")
    for flag, value, default in (
        ("--from", spec.parent, None),
        ("--corpus", spec.corpus, "nursery"),
        ("--valid", spec.valid, None),
        ("--without", "+".join(spec.without), ""),
        ("--minutes", spec.minutes, None),
        ("--device", spec.device, "auto"),
        ("--recipe", kind, "muon"),
        *(
            (_flag(option), getattr(spec.recipe, option), getattr(RECIPES[kind], option))
            for option in RECIPE_OPTIONS
        ),
    ):
        if value != default:
            words += [flag, str(value)]
    return words


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


# --- going on with a run ------------------------------------------------------------------------------


def check_resumed(chosen: argparse.Namespace, run: "Run") -> None:
    """Raise `BadInput` naming every option that is given and is not what the run began with.

    A run may go on on another `--device`; `--corpus` and `--valid` may lie elsewhere now, which is
    seen when they are read.
    """
    if wrong := list(_differing(chosen, run)):
        named = ", ".join(f"{flag} {shown(given)} (it has {had})" for flag, given, had in wrong)
        raise BadInput(
            f"run {chosen.name!r} goes on as it began: leave out {named}; a new run that begins with "
            f"its weights is --from {chosen.name}"
        )


def _differing(chosen: argparse.Namespace, run: "Run") -> Iterator[tuple[str, object, object]]:
    """Yield flag, what was given, and what the run has, where these are not the same."""
    from slm.recipe import Recipe, named_recipe
    from slm.runs import Address

    info, recipe = run.info, run.recipe or Recipe()
    config = info.config
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
    for option, has in (
        ("without", "+".join(info.corpus.get("without", []))),
        ("vocab", info.corpus.get("vocabulary", config.d_vocab)),
        ("context", config.n_ctx),
        *((option, getattr(recipe, option)) for option in RECIPE_OPTIONS),
    ):
        given = getattr(chosen, option)
        if given not in (None, has) and (option, given) != ("precision", "auto"):
            yield _flag(option), given, has


# --- the words of a value -----------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see {self.prog} --help)")


def _count(text: str) -> int:
    """Read 20M, 500k or 1000000."""
    scale = {"k": 10**3, "m": 10**6, "b": 10**9}.get(text[-1:].lower(), 1)
    try:
        return int(float(text[:-1] if scale > 1 else text) * scale)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"a count is a number such as 500000, 500k or 20M, not {text!r}"
        ) from None
