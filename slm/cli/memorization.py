"""`slm memorize`, `slm copies`, `slm novelty`: copying of training text."""

import argparse
from typing import TYPE_CHECKING

from slm.cli.command import Commands, InGlossary, answer, typed, watched
from slm.cli.generation import FIRST_WORDS, prompt_or_ours
from slm.errors import BadInput
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.memorization.study import Study

TITLES = {
    "rouge_precision": "(a) Rouge-2 precision against the true ending",
    "max_rouge2_f": "(b) largest Rouge-2 f-measure to another ending",
    "ngram_overlap": "(c) share of 5-grams that stand in the corpus",
    "max_rouge2_precision": "(d) largest Rouge-2 precision against one story",
    "longest": "words of the longest copy",
}


SHOWN = {"rouge_precision": 2, "ngram_overlap": 5}
"""Of the measures that are taken for every k, the k that the table shows."""


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("memorize", _memorize, "Does the model copy what it was trained on?")
    sub.add_argument("--corpus", required=True, help="training corpus")
    sub.add_argument(
        "--valid", help="validation corpus; default: the held-out stories of the corpus"
    )
    sub.add_argument("--steps", action="store_true", help="every checkpoint of the run")
    sub.add_argument(
        "--stories",
        type=int,
        default=400,
        help="how many of each are cut short: 400 see a difference of about 0.01, 100 one of 0.02",
    )
    sub.add_argument("--max-tokens", type=int, default=200, help="most tokens of an ending")
    sub.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help=InGlossary("temperature"),
    )
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the drawn tokens")

    sub = commands.add(
        "copies", _copies, "What of a text stands in a corpus, word for word?", address=False
    )
    sub.add_argument("address", nargs="?", help="run or run@step, which writes the text")
    sub.add_argument("--text", help="any text instead")
    sub.add_argument("--corpus", required=True, help="the corpus in which copies are looked for")
    sub.add_argument("--at-least", type=int, default=8, help="least words of a copy")
    sub.add_argument(
        "--prompt", type=typed, help=f'the prompt, how the story begins; default: "{FIRST_WORDS}"'
    )
    sub.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help=InGlossary("temperature"),
    )
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the drawn tokens")

    sub = commands.add("novelty", _novelty, "How much of what the model writes is new?")
    sub.add_argument("--corpus", required=True, help="training corpus")
    sub.add_argument(
        "--valid", help="validation corpus; default: the held-out stories of the corpus"
    )
    sub.add_argument(
        "--temperatures", default="0,0.5,1", help="temperatures with commas between them"
    )
    sub.add_argument("--steps", action="store_true", help="every checkpoint of the run")
    sub.add_argument("--stories", type=int, default=100, help="how many are cut short")
    sub.add_argument("--max-tokens", type=int, default=200, help="most tokens of an ending")
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the drawn tokens")


def _memorize(chosen: argparse.Namespace) -> None:
    from slm.generation.sampler import Sampling
    from slm.memorization.kept import make_study, texts
    from slm.runs import Address, resolve

    if chosen.stories < 2:
        raise BadInput(f"--stories must be at least 2, not {chosen.stories}")
    run, step = resolve(chosen.address)
    sampling = Sampling(
        temperature=chosen.temperature, max_tokens=chosen.max_tokens, seed=chosen.seed
    )
    read = texts(chosen.corpus, chosen.valid)
    made = {
        address: watched(make_study(address, read, chosen.stories, sampling))
        for address in (
            str(Address(run.name, at)) for at in (run.steps if chosen.steps else [step])
        )
    }
    data = [
        {"address": address, "corpus": chosen.corpus, **found.to_json()}
        for address, found in made.items()
    ]
    answer(
        chosen,
        {"studies": data} if chosen.steps else data[0],
        lambda: "\n\n".join(_table(address, found) for address, found in made.items()),
    )


def _copies(chosen: argparse.Namespace) -> None:
    from slm.generation.sampler import Sampling, complete
    from slm.memorization.kept import indexed
    from slm.memorization.suffix_index import copies, plain_words
    from slm.memorization.templates import most_alike
    from slm.runs import load_checkpoint

    if (chosen.text is None) == (chosen.address is None):
        raise BadInput("give either an ADDRESS, which writes a story, or --text TEXT")
    if chosen.at_least < 1:
        raise BadInput(f"--at-least must be at least 1, not {chosen.at_least}")
    index = watched(indexed(chosen.corpus))
    masked = watched(indexed(chosen.corpus, masked=True))
    text = chosen.text
    if text is None:
        sampling = Sampling(temperature=chosen.temperature, seed=chosen.seed)
        checkpoint = load_checkpoint(chosen.address)
        text = complete(checkpoint, [prompt_or_ours(chosen, checkpoint)], sampling)[0].text
    words = plain_words(text)
    found = copies(index.matches(words), chosen.at_least)
    alike = most_alike(text, masked)
    data = {
        "text": text,
        "words": len(words),
        "copies": [
            {
                "words": " ".join(words[copy.start : copy.stop]),
                "length": len(copy),
                "story": copy.story,
                "source": index.story(copy.story),
            }
            for copy in found
        ],
        "most_alike": None
        if alike is None
        else {
            "story": alike.story,
            "masked": alike.masked,
            "plain": alike.plain,
            "kind": alike.kind,
            "source": index.story(alike.story),
        },
    }

    def told() -> str:
        lines = [text, "", f"copies of at least {chosen.at_least} words:"]
        lines += [
            f"  {one['length']:3} words, story {one['story']}: {one['words']}"
            for one in data["copies"]
        ] or ["  none"]
        if alike is not None:
            lines.append(
                f"most alike: story {alike.story}, {alike.masked:.2f} of its runs of four words with "
                f"names and places masked, {alike.plain:.2f} as they are: {alike.kind or 'no copy'}"
            )
        return "\n".join(lines)

    answer(chosen, data, told)


def _novelty(chosen: argparse.Namespace) -> None:
    from slm.generation.sampler import Sampling
    from slm.memorization.kept import make_novelty, texts
    from slm.memorization.measures import KS
    from slm.runs import Address, open_run, resolve
    from slm.stats.bootstrap import mean_of_known

    try:
        temperatures = [float(part) for part in chosen.temperatures.split(",")]
    except ValueError:
        raise BadInput(
            f"--temperatures are numbers parted by commas, not {chosen.temperatures!r}"
        ) from None
    run, step = resolve(chosen.address)
    steps = open_run(run.name).steps if chosen.steps else [step]
    points = [(str(Address(run.name, at)), heat) for at in steps for heat in temperatures]
    sampling = Sampling(max_tokens=chosen.max_tokens, seed=chosen.seed)
    read = texts(chosen.corpus, chosen.valid)
    found = watched(make_novelty(points, read, chosen.stories, sampling))

    def told() -> str:
        lines = [f"share of runs of n words that stand nowhere in {chosen.corpus}; n = 1 to 8"]
        rows = [("people", found.people)]
        rows += [(f"{one.address} at {one.temperature:g}", one.new) for one in found.points]
        for name, new in rows:
            means = [mean_of_known(new[k]) for k in KS]
            shown = " ".join("    -" if m is None else f"{m.mean:5.3f}" for m in means)
            lines.append(f"  {name:28} {shown}")
        lines.append("less people's, ending by ending (in brackets: what would have been seen)")
        for one in found.points:
            gaps = [found.more_than_people(one, k) for k in KS]
            shown = " ".join(
                "-" if m is None else f"{m.mean:+.3f} ({m.detectable:.3f})" for m in gaps
            )
            lines.append(f"  {f'{one.address} at {one.temperature:g}':28} {shown}")
        return "\n".join(lines)

    answer(chosen, {"corpus": chosen.corpus, **found.to_json()}, told)


def _table(address: str, found: "Study") -> str:
    """Format the measures as a table with a column for each kind of ending."""
    from slm.memorization.templates import near_duplicates
    from slm.stats.bootstrap import mean_of_known

    kinds = {
        "trained": "its endings of stories it was trained on",
        "unseen": "its endings of stories it never saw",
        "people": "people's endings of these",
    }
    lines = [
        f"{address}, {len(found.endings['trained'])} stories of each kind cut at 40 %, of those "
        "whose beginning leaves the model room for an ending"
    ]
    for name, title in TITLES.items():
        lines.append(title)
        for kind, words in kinds.items():
            values = getattr(found.measures[kind], name)
            value = mean_of_known(values[SHOWN[name]] if name in SHOWN else values)
            if kind == "people" and name == "rouge_precision":
                continue
            shown = "too short to say"
            if value is not None:
                shown = value.to_text(".3f")
            lines.append(f"  {words:42} {shown}")
    lines.append("template copies: a story of the corpus with other names and places")
    for kind, words in kinds.items():
        told = near_duplicates(found.measures[kind].templates)
        lines.append(f"  {words:42} {sum(told)} of {len(told)}")
    lines.append(found.verdict())
    return "\n".join(lines)
