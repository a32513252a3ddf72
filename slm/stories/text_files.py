"""Stories out of a .txt, however they are parted, and what may part them where nothing said does."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from slm.errors import BadInput, shown
from slm.stories.instruct import is_record, whole_records
from slm.stories.tokenizer import END

BLOCK = 1 << 20
LONGEST_STORY = 1 << 24
"""Characters. A longer one is a file that does not say where its stories end."""
PASSAGE = 1000
"""Characters of a passage at most, where a text is cut into passages."""
ONE_STORY = 10_000
"""Characters from which on a text that is said to be one story is asked about."""

BLANK_LINE = re.compile(r"\n(?:[ \t]*\n)+")
_SENTENCE_ENDS = (
    BLANK_LINE,
    re.compile(r"[.!?…؟۔।։።][\"'”’»)\]]*\s+|[。！？][」』”’）]*"),
    re.compile(r"\s+"),
)
"""Where a text is cut into passages, the best first."""
_MARKS = re.compile(r"<\|[^|<>\s]{1,40}\|>|</s>|<eos>|\[EOS\]|\[SEP\]|<endoftext>|<end>")
_QUOTED_LINE = re.compile(r'^"(?:[^"]|"")*"$', re.MULTILINE)


def blocks(path: Path) -> Iterator[str]:
    """Yield a file's text in blocks of bounded size, line ends normalised; `BadInput` unless UTF-8 text."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while block := file.read(BLOCK):
                if "\0" in block:
                    raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is binary")
                yield block
    except UnicodeDecodeError as error:
        raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is not: {error}") from None


def lines(path: Path, rule: str) -> Iterator[str]:
    """Yield the lines of a file without their ends; `rule` goes into the error for an overlong line."""
    rest = ""
    for block in blocks(path):
        *whole, rest = (rest + block).split("\n")
        yield from whole
        checked_length(rest, path, rule)
    yield rest


def checked_length(rest: str, path: Path, rule: str) -> str:
    """Return `rest`, the start of a story; `BadInput` beyond `LONGEST_STORY` characters."""
    if len(rest) > LONGEST_STORY:
        raise BadInput(f"{rule}, and {path.name!r} has a part of over {LONGEST_STORY:,} characters")
    return rest


def between_marks(path: Path, mark: str = END) -> Iterator[str]:
    """Yield the stories that `mark` ends, without the counterpart (`<s>`) that may open them."""
    openings = _openings(mark)
    rest = ""
    for block in blocks(path):
        *stories, rest = (rest + block).split(mark)
        yield from (_without(story, openings) for story in stories)
        checked_length(rest, path, f"stories in a .txt end with {mark}")
    if rest.strip():
        yield _without(rest, openings)


def _openings(mark: str) -> tuple[str, ...]:
    """Return the marks that may open a story that `mark` ends, such as `<s>` for `</s>`."""
    pairs = (("</", "<"), ("end", "begin"), ("end", "start"), ("eos", "bos"), ("EOS", "BOS"))
    return tuple(mark.replace(end, begin) for end, begin in pairs if mark != END and end in mark)


def _without(story: str, openings: tuple[str, ...]) -> str:
    for opening in openings:
        if story.lstrip().startswith(opening):
            return story.lstrip().removeprefix(opening)
    return story


def one_a_line(path: Path) -> Iterator[str]:
    """Yield each non-empty line as a story."""
    return (line for line in lines(path, "with :lines a story is one line") if line.strip())


def between_blank_lines(path: Path) -> Iterator[str]:
    """Yield each paragraph as a story."""
    rest = ""
    for block in blocks(path):
        *stories, rest = BLANK_LINE.split(rest + block)
        yield from filter(str.strip, stories)
        checked_length(rest, path, "with :blank-lines a story ends with an empty line")
    if rest.strip():
        yield rest


def records(path: Path) -> Iterator[str]:
    """Yield TinyStories-Instruct records, which blank lines separate and may also divide."""
    return whole_records(between_blank_lines(path))


def whole(path: Path) -> Iterator[str]:
    """Yield the whole file as one story."""
    yield checked_length("".join(blocks(path)), path, "with :whole a file is one story")


def passages(path: Path) -> Iterator[str]:
    """Split a running text at sentence ends into passages of at most `PASSAGE` characters."""
    rest = ""
    for block in blocks(path):
        rest += block
        at = 0
        while len(rest) - at > PASSAGE:
            end = at + _passage(rest[at : at + PASSAGE])
            yield rest[at:end]
            at = end
        rest = rest[at:]
    if rest.strip():
        yield rest


def _passage(text: str) -> int:
    """Return where a passage ends: after the last paragraph, sentence or word in its second half."""
    for kind in _SENTENCE_ENDS:
        ends = [match.end() for match in kind.finditer(text, len(text) // 2)]
        if ends:
            return ends[-1]
    return len(text)


WAYS: dict[str, Callable[[Path], Iterator[str]]] = {
    "lines": one_a_line,
    "blank-lines": between_blank_lines,
    "records": records,
    "passages": passages,
    "whole": whole,
}
"""How stories may be parted besides by a mark, as a corpus names it."""


def check_parted(path: Path) -> None:
    """Raise `BadInput` where END parts no stories of a text, naming what may part them instead.

    END may stand at the end alone of one story that is no longer than `ONE_STORY`.
    """
    rest, seen, marked = "", 0, False
    for block in blocks(path):
        seen += len(block)
        rest += block
        if not marked and END in rest:
            marked, rest = True, rest.split(END, 1)[1]
            if seen - len(rest) <= ONE_STORY:
                return
        if not marked:
            rest = rest[-len(END) :]
        elif rest.strip():
            return
    start = next(blocks(path), "").strip()
    if not start:
        return
    found, option = _found(start)
    raise BadInput(
        f"stories in a .txt end with a line {END}, and {path.name!r} has "
        f"{'only one, at its end, after' if marked else 'none in'} {seen:,} characters. "
        f"Its beginning has {found}: {shown(f'{path.name}:{option}')} reads it so; "
        f"there are :{', :'.join(WAYS)}, :csv and :mark=TEXT"
    )


def _found(text: str) -> tuple[str, str]:
    """Detect what separates stories at the beginning of a text: its description, and the option to use."""
    marks = [mark for mark in _MARKS.findall(text) if mark != END]
    ending = [mark for mark in marks if not re.search("begin|start|bos|BOS", mark)]
    if ending:
        mark = max(dict.fromkeys(ending), key=ending.count)
        return f"the mark {mark} {ending.count(mark):,} times", f"mark={mark}"
    if is_record(text) and (count := sum(1 for _ in whole_records(BLANK_LINE.split(text)))) > 1:
        return f"{count:,} records of TinyStories-Instruct", "records"
    quoted = _QUOTED_LINE.findall(text)
    if len(quoted) > 1 and sum(map(len, quoted)) > 0.9 * len(text):
        return f"{len(quoted):,} parts in quotation marks, as in a CSV file", "csv"
    wide = len(re.findall(r"\n[ \t]*\n[ \t]*\n", text))
    blank = len(BLANK_LINE.findall(text))
    if wide > 1 and blank > wide:
        return f"{wide:,} gaps of two empty lines or more", r"mark=\n\n\n"
    if blank:
        return f"{blank:,} gaps of empty lines", "blank-lines"
    if count := text.count("\n"):
        return f"{count + 1:,} lines and no empty one", "lines"
    return "no gap at all, as if it were one book", "passages"
