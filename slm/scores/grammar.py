"""Grammar: findings of an offline checker in what was written (Harper, https://writewithharper.com)."""

import threading
from dataclasses import dataclass

from slm.memorization.rouge import words
from slm.scores.texts import CompletedStory

LEFT_OUT = frozenset(
    {"Enhancement", "Readability", "Redundancy", "Regionalism", "Style", "WordChoice"}
)
"""Kinds of advice that correct stories get, too: style, and compounds such as "snow cat"."""
ALL_CAPS = "canonical spelling"
"""What the checker says of a name that is also an abbreviation, such as Sam or Mia."""

_of_thread = threading.local()


@dataclass(frozen=True, kw_only=True)
class GrammarFinding:
    """A finding: its kind, what is said of it, and the characters of the story that it is about."""

    kind: str
    message: str
    start: int
    stop: int


def grammar_findings(story: CompletedStory) -> list[GrammarFinding]:
    """List the findings in a story's completion; a word that the opening already has is no misspelling."""
    import harper

    if not hasattr(_of_thread, "linter"):  # a linter belongs to the thread that made it
        _of_thread.linter = harper.Linter()
    text, given = story.text, {word.text for word in words(story.opening)}
    found = []
    for lint in _of_thread.linter.lint(text, language=harper.Language.PLAINTEXT):
        kind, start, stop = str(lint.lint_kind), lint.span.start, lint.span.end
        known = kind in ("Spelling", "Typo") and text[start:stop].lower() in given
        said = lint.message
        if start < len(story.opening) or kind in LEFT_OUT or ALL_CAPS in said or known:
            continue
        found.append(GrammarFinding(kind=kind, message=said, start=start, stop=stop))
    return found
