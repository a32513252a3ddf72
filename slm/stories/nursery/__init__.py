"""Our own story grammar: endless children's stories in which every word is known for what it is.

`story(seed, index)` is a pure function: the same arguments give the same story on every machine, in
any order. What it tells is in book/ (words, phrases and plots, as text); how, in template.py (the
markup), page.py (writing it down, role by role) and cast.py (who is in it). Measured in docs/nursery.md.
"""

import random
from collections.abc import Iterator

from slm.errors import BadInput
from slm.stories.nursery.book import read_book
from slm.stories.nursery.cast import Draw, cast_for
from slm.stories.nursery.page import StoryPage
from slm.stories.nursery.text import Feature, Introduction, NurseryStory, Role, Span

__all__ = [
    "GRAMMAR_VERSION",
    "Feature",
    "Introduction",
    "NurseryStory",
    "Role",
    "Span",
    "stories",
    "story",
]

GRAMMAR_VERSION = "2"  # raised whenever a seed would give another story
SHORTEST, LONGEST = 80, 250  # words


def story(seed: int, index: int) -> NurseryStory:
    """Write story number `index` of `seed`, both 0 or more."""
    if seed < 0 or index < 0:
        raise BadInput(f"a nursery story has a seed and an index of 0 or more, not {seed}, {index}")
    # only random() is promised to stay the same in later Pythons, so all choices are made from it
    draw = random.Random(f"{seed}/{index}").random
    while True:
        found = _attempt(draw)
        if SHORTEST <= len(found.spans) <= LONGEST:
            return found


def stories(count: int, *, seed: int = 0, first: int = 0) -> Iterator[NurseryStory]:
    """Yield stories `first` to `first + count` (exclusive) of `seed`."""
    return (story(seed, index) for index in range(first, first + count))


def _attempt(draw: Draw) -> NurseryStory:
    plots = read_book().plots
    plot = plots[int(draw() * len(plots))]
    cast = cast_for(read_book(), plot, draw)
    page = StoryPage(cast, draw)
    plot.body.write(page)
    text = page.text
    features = frozenset(page.features)
    if '"' in text:
        features |= {Feature.DIALOGUE}
    hero, thing = cast.people["hero"], cast.things["thing"]
    return NurseryStory(
        text=text,
        spans=tuple(page.spans),
        features=features,
        words=(thing.noun, cast.activity.verb, thing.adjective),
        introduction=cast.introduction,
        hero=hero.name or hero.kind,
        plot=plot.name,
    )
