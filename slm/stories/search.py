"""Full-text and regular-expression search over every story of a corpus, in flat memory.

A text is searched as whole words in a row, letters' case and punctuation set aside, so that a scan of
the corpus finds what the suffix index of its words (`slm.memorization`) finds. An expression is
matched within one story, with a time limit: some need longer than anybody would wait.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import regex

from slm.errors import BadInput, shown
from slm.progress import Progress, Steps
from slm.stories.cleaning import cleaned
from slm.stories.sources import StorySource

Kind = Literal["text", "regex"]
LONGEST_QUERY = 400
SHOWN = 50
"""Places that a search gives with their context, where nothing else is said."""
CONTEXT = 60
"""Characters of context on either side of a place."""
PATIENCE = 2.0
"""Seconds that an expression may take on one story."""
TOLD_EVERY = 512

_WORD = re.compile(r"[^\W_]+")


def words_in_order(text: str) -> list[str]:
    """Return the words of a text in their order, in lower case: runs of letters and digits."""
    return [word.lower() for word in _WORD.findall(text)]


@dataclass(frozen=True, kw_only=True)
class Place:
    """One occurrence: characters `start` to `stop` (exclusive) of a story, and what stands around it."""

    story: int
    start: int
    stop: int
    before: str
    match: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is searched for: words in a row, or a regular expression. Raises `BadInput` for a bad one."""

    text: str
    kind: Kind = "text"
    pattern: "regex.Pattern[str]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the pattern."""
        if len(self.text) > LONGEST_QUERY:
            raise BadInput(
                f"a search has at most {LONGEST_QUERY} characters, not {len(self.text):,}"
            )
        pattern = _of_words(self.text) if self.kind == "text" else _of_expression(self.text)
        object.__setattr__(self, "pattern", pattern)

    @property
    def words(self) -> list[str]:
        """The words of a text, in lower case."""
        return words_in_order(self.text)

    def spans(self, story: str) -> Iterator[tuple[int, int]]:
        """Yield the occurrences in a story as (start, stop), those of a text overlapping or not.

        An empty match counts for nothing. Raises `BadInput` where an expression takes too long.
        """
        try:
            for found in self.pattern.finditer(
                story, overlapped=self.kind == "text", timeout=PATIENCE
            ):
                if found.end() > found.start():
                    yield found.span()
        except TimeoutError:
            raise BadInput(
                f"an expression may take {PATIENCE:g} s on a story, and {shown(self.text)} takes longer: "
                "write it without one repetition inside another"
            ) from None


def _of_words(text: str) -> "regex.Pattern[str]":
    words = _WORD.findall(text)
    if not words:
        raise BadInput(f"a search needs a word, and {shown(text)} has none")
    between = r"[\W_]+".join(map(regex.escape, words))
    return regex.compile(rf"(?<![^\W_]){between}(?![^\W_])", regex.IGNORECASE)


def _of_expression(text: str) -> "regex.Pattern[str]":
    if not text:
        raise BadInput("a search needs an expression, not an empty one")
    try:
        return regex.compile(text, regex.MULTILINE)
    except (regex.error, RecursionError, OverflowError) as error:
        raise BadInput(f"{shown(text)} is no regular expression: {error}") from None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """How often something occurs, in how many stories, and the first places in corpus order.

    `read` is how many stories were searched; `indexed` says that the suffix index answered.
    """

    corpus: str
    query: str
    kind: Kind
    count: int
    stories: int
    read: int
    indexed: bool
    places: tuple[Place, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what the page saves and the command prints."""
        return asdict(self)


def place(number: int, story: str, start: int, stop: int) -> Place:
    """Cut a place out of story `number`, with `CONTEXT` characters on either side."""
    return Place(
        story=number,
        start=start,
        stop=stop,
        before=story[max(0, start - CONTEXT) : start],
        match=story[start:stop],
        after=story[stop : stop + CONTEXT],
    )


def places_in(query: Query, numbered: Iterable[tuple[int, str]], limit: int) -> list[Place]:
    """Return the first `limit` places of a query in numbered stories."""
    found: list[Place] = []
    for number, story in numbered:
        for start, stop in query.spans(story):
            if len(found) >= limit:
                return found
            found.append(place(number, story, start, stop))
    return found


def scan(source: StorySource, query: Query, *, limit: int = SHOWN) -> Steps[SearchResult]:
    """Read every cleaned story of a corpus and count a query's occurrences, yielding progress."""
    if limit < 0:
        raise BadInput(f"a search shows 0 places or more, not {limit}")
    count = stories = read = letters = 0
    found: list[Place] = []
    yield Progress(doing="reading the corpus", share=0.0)
    for number, story in enumerate(cleaned(source)):
        spans = list(query.spans(story))
        count += len(spans)
        stories += bool(spans)
        found += [place(number, story, *span) for span in spans[: limit - len(found)]]
        read, letters = number + 1, letters + len(story)
        if read % TOLD_EVERY == 0:
            share = min(letters / max(1, source.size), 0.99)
            yield Progress(doing=f"{read:,} stories read, found {count:,} times", share=share)
    return result(source.spec, query, count, stories, read, found, indexed=False)


def result(
    corpus: str,
    query: Query,
    count: int,
    stories: int,
    read: int,
    places: Sequence[Place],
    *,
    indexed: bool,
) -> SearchResult:
    """Put together what a search found."""
    return SearchResult(
        corpus=corpus,
        query=query.text,
        kind=query.kind,
        count=count,
        stories=stories,
        read=read,
        indexed=indexed,
        places=tuple(places),
    )
