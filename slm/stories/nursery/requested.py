"""Stories that are written for a request, and the records of TinyStories-Instruct made from them.

`record(seed, index)` is a pure function, as `story` is. Unlike there, each feature is drawn for itself
before the plot is, so that no plot has it more often than another; docs/nursery.md has the counts.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from slm.errors import BadInput
from slm.stories import instruct
from slm.stories.instruct import InstructRecord, asked_fields, shuffled
from slm.stories.nursery.book import Plot, read_book
from slm.stories.nursery.cast import Draw, cast_for
from slm.stories.nursery.page import Cast, StoryPage
from slm.stories.nursery.text import Feature, Mark

REQUESTS_VERSION = "1"  # raised whenever a seed would give another record
HELD_OUT = 1_000_000_000
"""The first of the records that no training corpus of their seed holds."""
SHORTEST, LONGEST = 45, 125  # words
SHARES = {Feature.DIALOGUE: 0.5} | {one: 0.4 for one in Feature if one != Feature.DIALOGUE}
"""The share of stories that have each feature."""
RECORD_NAMES = {
    Feature.DIALOGUE: "Dialogue",
    Feature.BAD_ENDING: "BadEnding",
    Feature.TWIST: "Twist",
    Feature.MORAL: "MoralValue",
    Feature.FORESHADOWING: "Foreshadowing",
    Feature.CONFLICT: "Conflict",
}
"""What records call the features."""
_SENTENCE = re.compile(r'[A-Z][^.!?"\n]*[.!?](?=\s|$)')


@dataclass(frozen=True, kw_only=True)
class RequestedStory:
    """A story, all that could have been asked for to get it, and where its features stand.

    `words` are a noun, a verb and an adjective; `people` the names of the protagonist and the friend;
    `thing` is what the story is about. `asked` is the record: a random part of it in random order.
    """

    text: str
    features: frozenset[Feature]
    marks: tuple[Mark, ...]
    words: tuple[str, str, str]
    summary: str
    people: tuple[str, str]
    thing: str
    plot: str
    asked: InstructRecord


def record(seed: int, index: int) -> RequestedStory:
    """Write record number `index` of `seed`, both 0 or more."""
    if seed < 0 or index < 0:
        raise BadInput(
            f"a nursery record has a seed and an index of 0 or more, not {seed}, {index}"
        )
    draw = random.Random(f"requests/{seed}/{index}").random
    features = frozenset(one for one in Feature if draw() < SHARES[one])
    while (found := _attempt(features, draw)) is None:
        pass
    return replace(found, asked=_asked(found, draw))


def records(count: int, *, seed: int = 0, first: int = 0) -> Iterator[RequestedStory]:
    """Yield records `first` to `first + count` (exclusive) of `seed`."""
    return (record(seed, index) for index in range(first, first + count))


def record_text(found: RequestedStory) -> str:
    """Return a record as TinyStories-Instruct writes it."""
    return instruct.record_text(found.asked)


def _attempt(features: frozenset[Feature], draw: Draw) -> RequestedStory | None:
    """Write a story with these features; None where it went wrong: another is drawn then."""
    plots = read_book().requested
    plot = plots[int(draw() * len(plots))]
    cast = cast_for(read_book(), plot, draw)
    hero, friend, thing = cast.people["hero"], cast.people["friend"], cast.things["thing"]
    if hero.name is None or friend.name is None:
        return None
    cast = replace(cast, features=features, quiet=Feature.DIALOGUE not in features)
    page = StoryPage(cast, draw)
    plot.body.write(page)
    text = page.text
    made = frozenset(page.features)
    if made != features or ('"' in text) != (Feature.DIALOGUE in features):
        return None
    words = (thing.noun, cast.activity.verb, thing.adjective)
    said = set(re.findall(r"[a-z']+", text.lower()))
    if not SHORTEST <= len(page.spans) <= LONGEST or not said.issuperset(words):
        return None
    return RequestedStory(
        text=text,
        features=features,
        marks=tuple(page.marks),
        words=words,
        summary=_summary(plot, cast, draw, bad=Feature.BAD_ENDING in features),
        people=(hero.name, friend.name),
        thing=thing.noun,
        plot=plot.name,
        asked=InstructRecord(),
    )


def _summary(plot: Plot, cast: Cast, draw: Draw, *, bad: bool) -> str:
    piece = plot.bad_summary if bad else plot.summary
    assert piece is not None  # a test reads every plot
    page = StoryPage(cast, draw)
    piece.write(page)
    return page.text


def _asked(found: RequestedStory, draw: Draw) -> InstructRecord:
    """Choose what a record asks for: each field with the same chance, at least one of them."""
    sentence = _sentence(found, draw)
    has = {
        "Features": bool(found.features),
        "Words": True,
        "Summary": True,
        "Random sentence": bool(sentence),
    }
    fields = asked_fields(has, draw)
    words = shuffled(found.words, draw)
    features = [RECORD_NAMES[one] for one in Feature if one in found.features]
    return InstructRecord(
        features=shuffled(features, draw) if "Features" in fields else (),
        words=words if "Words" in fields else (),
        summary=found.summary if "Summary" in fields else None,
        random_sentence=sentence if "Random sentence" in fields else None,
        story=found.text,
        order=fields,
    )


def _sentence(found: RequestedStory, draw: Draw) -> str:
    """Draw a sentence of the story of 4 to 16 words, not the first, in which nobody speaks."""
    sentences = [one for one in _SENTENCE.findall(found.text) if 4 <= len(one.split()) <= 16][1:]
    return sentences[int(draw() * len(sentences))] if sentences else ""
