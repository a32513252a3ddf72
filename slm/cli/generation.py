"""Stories of a checkpoint and their branches (`sample`), or of several side by side (`completions`)."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slm.cli.command import Commands, InGlossary, answer, typed, watched
from slm.errors import BadInput
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.generation.branches import BranchPath
    from slm.generation.sampler import Completion, GeneratedToken, Sampling
    from slm.runs import Checkpoint


FIRST_WORDS = "Once upon a time"
"""How a story begins where a person does not say."""


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("sample", _sample, "Write stories.")
    sub.add_argument(
        "--prompt", type=typed, help=f'the prompt, how stories begin; default: "{FIRST_WORDS}"'
    )
    sub.add_argument("-n", type=int, default=1, help="how many stories")
    add_sampling(sub)
    sub.add_argument(
        "--branch",
        action="append",
        default=[],
        metavar="PLACE=TOKEN",
        help='take this text at that place (0 is the first token written), such as "12= park"; the '
        "same seed draws the rest. Again for each further choice",
    )
    sub.add_argument(
        "--alternatives",
        type=int,
        default=0,
        metavar="K",
        help="show every token with the K likeliest in its place",
    )
    asked = sub.add_argument_group("a request, for models trained on Instruct data")
    asked.add_argument(
        "--features", metavar="A,B", help="what the story should have, such as Dialogue,BadEnding"
    )
    asked.add_argument("--words", metavar="A,B,C", help="words that it should use")
    asked.add_argument("--summary", help="what it should tell")
    asked.add_argument(
        "--random-sentence", metavar="SENTENCE", help="a sentence that should stand in it"
    )
    _add_completions(commands)


def _add_completions(commands: Commands) -> None:
    sub = commands.add(
        "completions", _completions, "Complete one opening with several models.", address=False
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument(
        "--prompt",
        type=typed,
        help=f'the prompt; default: "{FIRST_WORDS}"',
    )
    sub.add_argument(
        "--temperatures",
        type=float,
        nargs="+",
        metavar="T",
        help="one completion each; default: 0 1",
    )
    _add_drawing(sub)


def add_sampling(sub: argparse.ArgumentParser) -> None:
    """Add how tokens are drawn."""
    sub.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help=InGlossary("temperature"),
    )
    _add_drawing(sub)


def _add_drawing(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--max-tokens", type=int, default=200, help="most tokens written after the prompt"
    )
    sub.add_argument("--top-k", type=int, help=InGlossary("top-k"))
    sub.add_argument(
        "--top-p",
        type=float,
        help=InGlossary("top-p"),
    )
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the drawn tokens")


def sampling_of(chosen: argparse.Namespace, alternatives: int = 0) -> "Sampling":
    """Build the sampling settings from a command's arguments."""
    from slm.generation.sampler import Sampling

    return Sampling(
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        max_tokens=chosen.max_tokens,
        seed=chosen.seed,
        alternatives=alternatives,
    )


def _sample(chosen: argparse.Namespace) -> None:
    from slm.generation.branches import forced_tokens
    from slm.generation.sampler import complete, stories_json
    from slm.runs import load_checkpoint

    if chosen.n < 1:
        raise BadInput(f"-n must be at least 1, not {chosen.n}")
    if chosen.alternatives and chosen.n > 1:
        raise BadInput(f"--alternatives are shown of one story, not of {chosen.n}")
    sampling = sampling_of(chosen, chosen.alternatives)
    checkpoint = load_checkpoint(chosen.address)
    prompt = _prompt(chosen, checkpoint)
    path = _path(chosen.branch, checkpoint)
    tokens: list[GeneratedToken] = []
    if chosen.alternatives:
        completions = [_streamed(checkpoint, prompt, sampling, path, tokens)]
    else:
        prompts = [prompt] * chosen.n
        completions = complete(checkpoint, prompts, sampling, forced=forced_tokens(path))
    address = str(checkpoint.address)
    data = stories_json(address, prompt, sampling, path, completions, tokens)

    def text() -> str:
        stories = "\n\n".join(f"{c.prompt}{c.text}\n[{c.stopped}]" for c in completions)
        lines = [
            f"{place:4}  {token.str_token!r:16} {token.probability:6.1%}   instead: "
            + "  ".join(
                f"{other.str_token!r} {other.probability:.1%}" for other in token.alternatives
            )
            for place, token in enumerate(tokens)
        ]
        return "\n".join([stories, *([""] if lines else []), *lines])

    answer(chosen, data, text)


def _completions(chosen: argparse.Namespace) -> None:
    from slm.generation.sampler import Sampling
    from slm.generation.side_by_side import TEMPERATURES, complete_side_by_side

    sampling = Sampling(
        top_k=chosen.top_k, top_p=chosen.top_p, max_tokens=chosen.max_tokens, seed=chosen.seed
    )
    prompt = FIRST_WORDS if chosen.prompt is None else chosen.prompt
    temperatures = chosen.temperatures or TEMPERATURES
    found = watched(complete_side_by_side(chosen.addresses, prompt, sampling, temperatures))

    def text() -> str:
        parts = []
        for model in found.models:
            loss = "" if model.val_loss is None else f", {model.val_loss:.3f} nats per token"
            parts.append(f"{model.address} ({model.shape}, {model.parameters:,} parameters{loss})")
            parts += [
                f"at temperature {temperature:g}: {one.text.strip()} [{one.stopped}]"
                for temperature, one in zip(found.temperatures, model.completions, strict=True)
            ]
        return "\n\n".join([found.prompt, *parts])

    answer(chosen, found.to_json(), text)


def _streamed(
    checkpoint: "Checkpoint",
    prompt: str,
    sampling: "Sampling",
    path: "BranchPath",
    tokens: "list[GeneratedToken]",
) -> "Completion":
    """Write one story; every token it writes is added to `tokens`."""
    from slm.generation.branches import forced_tokens
    from slm.generation.sampler import stream

    writing = stream(checkpoint, prompt, sampling, forced=forced_tokens(path))
    while True:
        try:
            tokens.append(next(writing))
        except StopIteration as end:
            found: Completion = end.value
            return found


def _prompt(chosen: argparse.Namespace, checkpoint: "Checkpoint") -> str:
    """Return the prompt, or the request composed from its options."""
    from slm.runs import open_run
    from slm.stories.instruct import compose, request

    asked = (chosen.features, chosen.words, chosen.summary, chosen.random_sentence)
    if not any(asked):
        return prompt_or_ours(chosen, checkpoint)
    if chosen.prompt is not None:
        raise BadInput("a story begins with --prompt or answers a request, not both")
    info = open_run(checkpoint.address.run).info
    if not info.answers_requests:
        print(info.no_requests, file=sys.stderr)
    features, words, summary, sentence = (text or "" for text in asked)
    return compose(request(features.split(","), words, summary, sentence))


def prompt_or_ours(chosen: argparse.Namespace, checkpoint: "Checkpoint") -> str:
    """Return `--prompt`, or as much of the default opening as fits; a cut is noted on standard error."""
    from slm.generation.fitting import opening_that_fits

    if chosen.prompt is not None:
        return str(chosen.prompt)
    opening = opening_that_fits([checkpoint], FIRST_WORDS)
    if opening.note:
        print(opening.note, file=sys.stderr)
    return opening.text


def _path(branch: Sequence[str], checkpoint: "Checkpoint") -> "BranchPath":
    """Parse the `--branch` options."""
    from slm.generation.branches import branch_off

    path: BranchPath = ()
    for text in branch:
        place, equals, str_token = text.partition("=")
        if not (equals and str_token and place.strip().isdecimal()):
            raise BadInput(f'--branch is PLACE=TOKEN, such as "12= park", not {text!r}')
        path = branch_off(path, int(place), tuple(checkpoint.tokenizer.encode_words(str_token)))
    return path
