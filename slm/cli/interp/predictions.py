"""`slm predict|ablate|patch|regenerate`: why this word, what it needs, where that lies, what it does."""

import argparse
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, typed
from slm.cli.command import answer as answer_with
from slm.cli.generation import FIRST_WORDS, add_sampling, prompt_or_ours, sampling_of
from slm.errors import BadInput

if TYPE_CHECKING:
    pass


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("predict", _predict, "What did the model expect, and why?")
    sub.add_argument("--text", type=typed, required=True)
    sub.add_argument("--position", type=int, help="take apart the prediction of this token")
    sub.add_argument("--target", help='another word to ask about there, such as " park"')
    sub.add_argument(
        "--foil",
        help="a word whose logit is subtracted before parts are told apart; by default that is the "
        "mean logit of the vocabulary",
    )

    sub = commands.add("ablate", _ablate, "What does the last word need? Everything, switched off.")
    sub.add_argument(
        "--text", type=typed, required=True, help="its last token is the word that is predicted"
    )
    sub.add_argument("--target", help='the word after the text instead, such as " park"')
    sub.add_argument("--replacement", choices=("mean", "zero", "resample"), default="mean")
    sub.add_argument("--neurons", type=int, metavar="LAYER", help="and every neuron of this layer")

    sub = commands.add("patch", _patch, "Which places of another prompt's run restore the answer?")
    sub.add_argument(
        "--text", type=typed, required=True, help="the prompt whose answer is to be restored"
    )
    sub.add_argument(
        "--other", type=typed, required=True, help="a prompt of as many tokens, answered otherwise"
    )
    sub.add_argument("--answer", help='a token such as " She"; what the model says after the text')
    sub.add_argument("--foil", help="another token; what the model says after the other text")

    sub = commands.add("regenerate", _regenerate, "Write a story again with parts switched off.")
    sub.add_argument(
        "--prompt", type=typed, help=f'how it begins; "{FIRST_WORDS}" where nothing is said'
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
    from slm.interp.predictions.attribution import attribute
    from slm.interp.predictions.logit_lens import logit_lens
    from slm.interp.predictions.next_token import next_token_predictions, one_token
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    found = next_token_predictions(checkpoint, chosen.text)
    str_tokens = found.str_tokens
    if chosen.position is None:
        tokens = [
            {
                "str_token": str_token,
                "surprisal": round(float(found.surprisal[at]), 5),
                "rank": int(found.rank[at]),
                "likeliest": checkpoint.tokenizer.to_str_tokens([int(found.likely[at, 0])])[0],
            }
            for at, str_token in enumerate(str_tokens)
            if at > 0
        ]
        tokens = [
            {"str_token": str_tokens[0], "surprisal": None, "rank": None, "likeliest": None},
            *tokens,
        ]
        data: dict[str, Any] = {"address": str(found.address), "unit": "bits", "tokens": tokens}
        answer_with(
            chosen,
            data,
            lambda: "\n".join(
                f"{at:4} {t['str_token']!r:16} {t['surprisal']:7.2f} bits  rank {t['rank']:5}  "
                f"likeliest {t['likeliest']!r}"
                for at, t in enumerate(tokens)
                if at > 0
            ),
        )
        return
    at = chosen.position
    if not 1 <= at < len(str_tokens):
        raise BadInput(f"--position lies between 1 and {len(str_tokens) - 1}, not at {at}")
    word = found.tokens[at] if chosen.target is None else one_token(checkpoint, chosen.target)
    lens = logit_lens(checkpoint, (*found.tokens[:at], word))
    foil = None if chosen.foil is None else one_token(checkpoint, chosen.foil)
    parts = attribute(checkpoint, found.tokens[:at], word, foil)
    likely = checkpoint.tokenizer.to_str_tokens(found.likely[at].tolist())
    says = checkpoint.tokenizer.to_str_tokens(lens.likeliest[:, at].tolist())
    data = {
        "address": str(found.address),
        "position": at,
        "word": parts.word,
        "alternatives": [
            {"str_token": str_token, "probability": round(float(chance), 6)}
            for str_token, chance in zip(likely, found.probs[at], strict=True)
        ],
        "layers": [
            {"stage": stage, "probability": float(chance), "likeliest": str_token}
            for stage, chance, str_token in zip(
                lens.stages, lens.probability[:, at], says, strict=True
            )
        ],
        "foil": parts.foil,
        "logit": parts.logit,
        "baseline": parts.baseline,
        "attributed": "logit minus that of the foil"
        if parts.foil
        else "logit minus the mean logit of the vocabulary",
        "parts": [{"part": name, "logit": value} for name, value in parts.parts()],
    }

    def text() -> str:
        lines = [f"{found.address}: the word {parts.word!r} after {str_tokens[at - 1]!r}"]
        lines += [f"  {a['probability']:7.2%}  {a['str_token']!r}" for a in data["alternatives"]]
        lines += [
            f"  {stage['stage']:14} {stage['probability']:8.2%}  says {stage['likeliest']!r}"
            for stage in data["layers"]
        ]
        of = f"of {parts.foil!r}" if parts.foil else "the mean"
        lines.append(
            f"logit {parts.logit:.3f} minus {parts.baseline:.3f} ({of}) is {parts.difference:.3f}, "
            "the sum of (the final norm frozen)"
        )
        return "\n".join(lines + [f"  {value:+8.3f}  {name}" for name, value in parts.parts()])

    answer_with(chosen, data, text)


def _ablate(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.ablation import ablate_heads, ablate_neurons
    from slm.interp.predictions.next_token import one_token
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    tokens = checkpoint.tokenizer.encode_story(chosen.text)
    if chosen.target is not None:
        tokens.append(one_token(checkpoint, chosen.target))
    heads = ablate_heads(checkpoint, tokens, chosen.replacement)
    data: dict[str, Any] = {
        "address": str(heads.address),
        "word": heads.word,
        "replacement": heads.replacement,
        "log_probability": heads.whole,
        "unit": "nats that each part gives the word",
        "heads": heads.loss.round(6).tolist(),
    }
    if chosen.neurons is not None:
        neurons = ablate_neurons(checkpoint, tokens, chosen.neurons, chosen.replacement)
        data["neurons"] = {"layer": neurons.layer, "loss": neurons.loss.round(6).tolist()}

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
    data: dict[str, Any] = {
        "address": str(found.address),
        "str_tokens": found.str_tokens,
        "other": found.other,
        "answer": found.answer,
        "foil": found.foil,
        "logit_difference": {"clean": found.clean, "corrupted": found.corrupted},
        "unit": "share of the logit difference that is restored: 1 as after the text, 0 as after the other",
        "restored": {hook: share.round(6).tolist() for hook, share in found.restored.items()},
        "heads": found.heads.round(6).tolist(),
    }

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

    answer_with(chosen, data, text)


def _regenerate(chosen: argparse.Namespace) -> None:
    from dataclasses import asdict

    from slm.interp.predictions.intervention import parse_interventions, regenerate, word_diff
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
    before, after = word_diff(found.whole.text, found.switched.text)
    data: dict[str, Any] = {
        "address": str(found.address),
        "prompt": prompt,
        "switched": [str(one) for one in found.interventions],
        "whole_text": found.whole.text,
        "switched_text": found.switched.text,
        "whole_words": [asdict(word) for word in before],
        "switched_words": [asdict(word) for word in after],
        "words_kept": asdict(found.kept),
        "words_kept_across_seeds": asdict(found.across_seeds),
        "surprisal_bits_a_token": {
            "whole": found.surprisal,
            "switched": found.surprisal_intervened,
        },
    }

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

    answer_with(chosen, data, text)


def _marked(words: "Sequence[Word]", mark: str) -> str:
    """A text whose words that go (-) or come (+) stand in brackets."""
    parts = []
    for stays, run in groupby(words, lambda word: word.stays):
        text = "".join(word.text for word in run)
        bare = text.lstrip()
        parts.append(text if stays else f"{text[: len(text) - len(bare)]}[{mark}{bare}]")
    return "".join(parts)
