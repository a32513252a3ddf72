"""`slm predict|ablate|patch|regenerate`: why this word, what it needs, where that lies, what it does."""

import argparse
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from slm.cli.command import Commands, typed
from slm.cli.command import answer as answer_with
from slm.cli.generation import FIRST_WORDS, add_sampling, prompt_or_ours, sampling_of
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.interp.predictions.intervention import WordChange


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "predict",
        _predict,
        "Next-token predictions; of one token logit lens and direct logit attribution.",
    )
    sub.add_argument("--text", type=typed, required=True, help="the text that is read")
    sub.add_argument(
        "--position",
        type=int,
        help="logit lens and direct logit attribution of the token at this position",
    )
    sub.add_argument("--target", help='another token to ask about there, such as " park"')
    sub.add_argument(
        "--foil",
        help="contrast token, whose logit is subtracted; default: the mean logit of the vocabulary",
    )

    sub = commands.add(
        "ablate", _ablate, "Ablation: the last token without each head, or each neuron of a layer."
    )
    sub.add_argument(
        "--text", type=typed, required=True, help="its last token is the one that is predicted"
    )
    sub.add_argument("--target", help='the token after the text instead, such as " park"')
    sub.add_argument(
        "--replacement",
        choices=("mean", "zero", "resample"),
        default="mean",
        help="what takes the place of an output",
    )
    sub.add_argument(
        "--neurons", type=int, metavar="LAYER", help="ablate every neuron of this layer too"
    )

    sub = commands.add(
        "patch",
        _patch,
        "Activation patching: which activations of one prompt restore its answer in another?",
    )
    sub.add_argument(
        "--text", type=typed, required=True, help="the prompt whose answer is to be restored"
    )
    sub.add_argument(
        "--other", type=typed, required=True, help="a prompt of as many tokens, answered otherwise"
    )
    sub.add_argument("--answer", help='a token such as " She"; what the model says after the text')
    sub.add_argument("--foil", help="another token; what the model says after the other text")

    sub = commands.add(
        "regenerate",
        _regenerate,
        "Intervene and regenerate: write a story again with heads or neurons ablated or scaled.",
    )
    sub.add_argument(
        "--prompt", type=typed, help=f'the prompt, how the story begins; default: "{FIRST_WORDS}"'
    )
    sub.add_argument(
        "--off",
        nargs="+",
        default=[],
        metavar="PART",
        help="replace heads (2.3) or neurons (1.n17) by their mean over the shipped stories",
    )
    sub.add_argument(
        "--scale",
        nargs="+",
        default=[],
        metavar="PART=FACTOR",
        help="multiply what heads or neurons say, such as 2.3=0 or 1.n17=2.5",
    )
    add_sampling(sub)


def _predict(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.breakdown import break_down
    from slm.interp.predictions.next_token import next_token_predictions, one_token
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    found = next_token_predictions(checkpoint, chosen.text)
    if chosen.position is None:
        answer_with(
            chosen,
            found.to_json(),
            lambda: "\n".join(
                f"{at:4} {str_token!r:16} {found.surprisal[at]:7.2f} bits  rank {found.rank[at]:5}  "
                f"likeliest {found.likely_str_tokens[at][0]!r}"
                for at, str_token in enumerate(found.str_tokens)
                if at > 0
            ),
        )
        return
    word, foil = (
        None if text is None else one_token(checkpoint, text)
        for text in (chosen.target, chosen.foil)
    )
    apart = break_down(checkpoint, found, chosen.position, word, foil)
    parts = apart.attribution

    def text() -> str:
        after = found.str_tokens[apart.position - 1]
        lines = [f"{found.address}: the word {parts.word!r} after {after!r}"]
        lines += [f"  {chance:7.2%}  {str_token!r}" for str_token, chance in apart.alternatives]
        lines += [
            f"  {stage:14} {chance:8.2%}  says {str_token!r}"
            for stage, chance, str_token in apart.stages
        ]
        of = f"of {parts.foil!r}" if parts.foil else "the mean"
        lines.append(
            f"logit {parts.logit:.3f} minus {parts.baseline:.3f} ({of}) is {parts.difference:.3f}, "
            "the sum of (the final norm frozen)"
        )
        return "\n".join(lines + [f"  {value:+8.3f}  {name}" for name, value in parts.parts()])

    answer_with(chosen, apart.to_json(), text)


def _ablate(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.ablation import ablate_heads, ablate_neurons
    from slm.interp.predictions.next_token import one_token
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    tokens = checkpoint.tokenizer.encode_story(chosen.text)
    if chosen.target is not None:
        tokens.append(one_token(checkpoint, chosen.target))
    heads = ablate_heads(checkpoint, tokens, chosen.replacement)
    data = heads.to_json()
    if chosen.neurons is not None:
        neurons = ablate_neurons(checkpoint, tokens, chosen.neurons, chosen.replacement)
        data["neurons"] = neurons.to_json()

    def text() -> str:
        lines = [
            f"{heads.address}: {heads.word!r} has {heads.whole:.3f} nats; "
            f"switched off ({heads.replacement}), each part costs it"
        ]
        for layer, row in enumerate(heads.loss):
            lines.append(f"  layer {layer}  " + " ".join(f"{value:+.3f}" for value in row))
        if chosen.neurons is not None:
            order = sorted(enumerate(neurons.loss), key=lambda pair: -abs(pair[1]))
            lines.append(f"  the neurons of layer {neurons.layer} that matter most:")
            lines += [f"    {value:+.3f}  neuron {neuron}" for neuron, value in order[:20]]
        return "\n".join(lines)

    answer_with(chosen, data, text)


def _patch(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.next_token import one_token
    from slm.interp.predictions.patching import aligned, answers, patch
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    first, second = aligned(checkpoint, chosen.text, chosen.other)
    answer, foil = answers(checkpoint, first, second)
    answer = answer if chosen.answer is None else one_token(checkpoint, chosen.answer)
    foil = foil if chosen.foil is None else one_token(checkpoint, chosen.foil)
    found = patch(checkpoint, first, second, answer, foil)

    def text() -> str:
        lines = [
            f"{found.address}: {found.answer!r} leads {found.foil!r} by {found.clean:.2f} after the "
            f"text and by {found.corrupted:.2f} after the other; each place alone restores"
        ]
        for hook, share in found.restored.items():
            lines.append(hook)
            pairs = enumerate(zip(found.str_tokens, found.other, strict=True))
            for at, (str_token, other) in pairs:
                named = repr(str_token) if str_token == other else f"{str_token!r} for {other!r}"
                lines.append(f"  {at:4} {named:24} " + " ".join(f"{v:+.2f}" for v in share[:, at]))
        lines.append("heads (hook_z, at every position)")
        lines += [
            f"  layer {layer}  " + " ".join(f"{value:+.2f}" for value in row)
            for layer, row in enumerate(found.heads)
        ]
        return "\n".join(lines)

    answer_with(chosen, found.to_json(), text)


def _regenerate(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.intervention import parse_interventions, regenerate
    from slm.runs import load_checkpoint

    interventions = parse_interventions(" ".join([*chosen.off, *chosen.scale]))
    if not interventions:
        raise BadInput("name a part to switch: --off 2.3, or --scale 1.n17=0")
    if plain := [one for one in chosen.off if "=" in one]:
        raise BadInput(f"--off takes parts such as 2.3 or 1.n17; {plain[0]!r} belongs to --scale")
    if bare := [one for one in chosen.scale if "=" not in one]:
        raise BadInput(f"--scale takes PART=FACTOR, such as 1.n17=0, not {bare[0]!r}")
    checkpoint = load_checkpoint(chosen.address)
    prompt = prompt_or_ours(chosen, checkpoint)
    found = regenerate(checkpoint, prompt, interventions, sampling_of(chosen))
    before, after = found.words

    def text() -> str:
        kept, across_seeds = (
            f"{one.mean:.0%} (95 % interval {one.low:.0%} to {one.high:.0%})"
            for one in (found.kept, found.across_seeds)
        )
        whole, switched = _marked(before, "-"), _marked(after, "+")
        return (
            f"{found.address}, whole:\n{prompt}{whole}\n\n"
            f"with {' '.join(map(str, found.interventions))}:\n{prompt}{switched}\n\n"
            f"words that stay: {kept}; between two seeds of the whole model: {across_seeds}\n"
            f"of the whole model's story, bits a token: {found.surprisal:.2f} for the whole model, "
            f"{found.surprisal_intervened:.2f} switched"
        )

    answer_with(chosen, found.to_json(), text)


def _marked(words: "Sequence[WordChange]", mark: str) -> str:
    """Format a text with its removed (-) or added (+) words in brackets."""
    parts = []
    for stays, run in groupby(words, lambda word: word.stays):
        text = "".join(word.text for word in run)
        bare = text.lstrip()
        parts.append(text if stays else f"{text[: len(text) - len(bare)]}[{mark}{bare}]")
    return "".join(parts)
