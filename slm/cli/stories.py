"""`slm stories`: what a corpus holds: statistics, search, one story with its tokens, loss by story."""

import argparse
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer, watched
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.interp.predictions.corpus_loss import CorpusLoss
    from slm.stories.diversity import Diversity
    from slm.stories.search import SearchResult
    from slm.stories.statistics import StoryStatistics


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("stories", _stories, "What does a corpus hold?", address=False)
    sub.add_argument("source", help="a corpus: a file, nursery, shipped, tinystories, …")
    asked = sub.add_mutually_exclusive_group()
    asked.add_argument("--search", metavar="TEXT", help="words in a row, over the whole corpus")
    asked.add_argument("--regex", metavar="RE", help="a regular expression, over the whole corpus")
    asked.add_argument("--story", type=int, metavar="NUMBER", help="one story; the first is 0")
    asked.add_argument(
        "--loss", nargs="+", metavar="ADDRESS", help="loss of models on each of the first stories"
    )
    sub.add_argument("--tokens", nargs="+", metavar="ADDRESS", help="with --story: models' tokens")
    sub.add_argument(
        "--stories", type=int, default=1000, help="how many of the first stories are counted"
    )
    sub.add_argument("--limit", type=int, default=50, help="most places that a search shows")


def _stories(chosen: argparse.Namespace) -> None:
    if chosen.tokens and chosen.story is None:
        raise BadInput("--tokens needs a --story")
    if chosen.search is not None or chosen.regex is not None:
        _search(chosen)
    elif chosen.story is not None:
        _story(chosen)
    elif chosen.loss:
        _loss(chosen)
    else:
        _statistics(chosen)


def _search(chosen: argparse.Namespace) -> None:
    from slm.memorization.search import search
    from slm.stories.search import Query

    query = (
        Query(text=chosen.regex, kind="regex")
        if chosen.search is None
        else Query(text=chosen.search)
    )
    found = watched(search(chosen.source, query, limit=chosen.limit))
    answer(chosen, found.to_json(), lambda: _places(found))


def _places(found: "SearchResult") -> str:
    lines = [f"{found.count:,} times in {found.stories:,} of {found.read:,} stories"]
    for one in found.places:
        around = f"{one.before}«{one.match}»{one.after}"
        lines.append(f"  {one.story:>7}  {' '.join(around.split())}")
    if found.count > len(found.places):
        lines.append(f"  … {found.count - len(found.places):,} more (--limit)")
    return "\n".join(lines)


def _story(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.corpus_loss import story_json
    from slm.progress import result_of
    from slm.runs import load_checkpoint
    from slm.stories.statistics import first_stories

    if chosen.story < 0:
        raise BadInput(f"stories are numbered from 0, so there is no story {chosen.story}")
    read = result_of(first_stories(chosen.source, chosen.story + 1))
    if len(read.stories) <= chosen.story:
        raise BadInput(
            f"{chosen.source!r} has {len(read.stories):,} stories, and no {chosen.story}"
        )
    text = read.stories[chosen.story]
    models = [load_checkpoint(address) for address in chosen.tokens or ()]
    data = story_json(chosen.source, chosen.story, text, models)

    def told() -> str:
        lines = [text]
        for model in data["models"]:
            lines.append(f"\n{model['address']}: {len(model['tokens'])} tokens")
            lines += [
                f"  {one['id']:>6}  {one['bytes']:24}  {one['token']!r}" for one in model["tokens"]
            ]
        return "\n".join(lines)

    answer(chosen, data, told)


def _loss(chosen: argparse.Namespace) -> None:
    from slm.interp.predictions.corpus_loss import corpus_loss, losses_json
    from slm.runs import load_checkpoint
    from slm.stories.statistics import first_stories

    read = watched(first_stories(chosen.source, chosen.stories))
    found = [
        watched(corpus_loss(load_checkpoint(address), read.stories)) for address in chosen.loss
    ]
    answer(
        chosen,
        losses_json(chosen.source, found),
        lambda: "\n\n".join(_told_loss(one, read.stories) for one in found),
    )


def _told_loss(found: "CorpusLoss", stories: tuple[str, ...]) -> str:
    lines = [
        f"{found.address}: {found.bits_per_byte.to_text('.3f')} bits per byte, "
        f"{found.nats_per_token.to_text('.3f')} nats per token, {len(found.stories)} stories"
    ]
    for title, some in (("hardest", found.hardest[:5]), ("easiest", found.hardest[:-6:-1])):
        lines.append(f"  {title}:")
        lines += [
            f"    {one.bits_per_byte:.3f}  story {one.number}: {' '.join(stories[one.number].split())[:70]}"
            for one in some
        ]
    lines.append("  words that cost most (nats each time, share of all):")
    lines += [
        f"    {one.word:16} {one.nats.to_text()}  {one.share:.1%}" for one in found.words[:15]
    ]
    return "\n".join(lines)


def _statistics(chosen: argparse.Namespace) -> None:
    from slm.stories.diversity import diversity
    from slm.stories.statistics import first_stories, statistics, statistics_json

    read = watched(first_stories(chosen.source, chosen.stories))
    found, repeats = statistics(read), diversity(read.stories)
    data: dict[str, Any] = statistics_json(found, repeats)
    answer(chosen, data, lambda: _told(found, repeats))


def _told(found: "StoryStatistics", repeats: "Diversity") -> str:
    count = len(found.lengths)
    lines = [
        f"{count:,} stories, {found.words:,} words, {found.distinct:,} different",
        f"words a story: {found.words / count:.0f}; half of the text: {found.words_of_half} words",
    ]
    if found.known is not None:
        known = found.known.to_text(".3f")
        lines.append(f"words that a young child knows ({found.word_list}): {known}")
        lines.append(f"  commonest others: {', '.join(one.word for one in found.outside[:20])}")
    if repeats.distinct is not None:
        lines.append(f"distinct 4-grams: {repeats.distinct:.3f} of all")
    if repeats.nearest is not None:
        lines.append(f"4-grams shared with the nearest story: {repeats.nearest.to_text('.3f')}")
    lines.append("openings:")
    lines += [f"  {n:>6}  {text}" for text, n in found.openings[:10]]
    lines.append(f"cleaning: {found.report.in_words()}")
    return "\n".join(lines)
