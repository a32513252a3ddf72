"""Stories out of files of records: JSON, JSON Lines, CSV, Parquet, from the field that holds them."""

import csv
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.errors import BadInput, one_line, shown
from slm.stories.instruct import InstructRecord, asked_fields, feature_name, record_text
from slm.stories.text_files import LONGEST_STORY, blocks, checked_length, lines

if TYPE_CHECKING:
    import pyarrow

NAMES = ("text", "story")
"""What the field that holds the story is called, unless another is named."""
HEADING = 40
"""Characters. A longer first line of a CSV file with one column is a story and no heading."""


def column_of(names: Iterable[str], asked: str, where: str) -> str:
    """Choose the field that holds the story: the one asked for, or that named text or story in any case.

    `where` names the owner of the fields in errors. Raises `BadInput`, listing the names, where no
    field or more than one qualifies.
    """
    names = list(names)
    there = ", ".join(shown(name) for name in names[:12]) or "none"
    if asked:
        if asked in names:
            return asked
        raise BadInput(f"{where} has no {shown(asked)}; it has {there}")
    found = [name for name in names if name in NAMES]
    found = found or [name for name in names if name.casefold() in NAMES]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(map(shown, found))
        raise BadInput(f"{where} has both {both}: :text={found[0]} after the file's name picks one")
    hint = (
        f": :text={one_line(names[-1], 40)} after the file's name reads that one" if names else ""
    )
    raise BadInput(f'{where} needs a text called "text" or "story"; it has {there}{hint}')


# --- JSON -------------------------------------------------------------------------------------------


def read_json_lines(path: Path, column: str) -> Iterator[str]:
    """Yield the stories of a JSON Lines file, or of a JSON file that starts with a list."""
    if next(blocks(path), "").lstrip()[:1] == "[":
        yield from read_json(path, column)
        return
    for number, line in enumerate(lines(path, "a .jsonl holds a record on each line"), 1):
        where = f"line {number} of {path.name!r}"
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadInput(f"{where} is not JSON: {one_line(str(error))}") from None
            yield from _stories_of(record, column, where)


def read_json(path: Path, column: str) -> Iterator[str]:
    """Yield the stories of a JSON file: a list, consecutive values, or one record of many stories."""
    for number, value in enumerate(_values(path), 1):
        yield from _stories_of(value, column, f"item {number} of {path.name!r}")


def read_json_requests(path: Path, column: str) -> Iterator[str]:
    """Yield the stories of a .json or .jsonl as Instruct records, as `all_data_story` reads an item.

    What a record asks for is drawn from what is known of its story, by the story itself, so that the
    same file gives the same records. Raises `BadInput` where items tell nothing but a story.
    """
    told = False
    for number, value in enumerate(_values(path), 1):
        found = all_data_story(value, column, f"item {number} of {path.name!r}")
        draw = random.Random(found.record.story).random
        has = {
            "Features": bool(found.record.features),
            "Words": bool(found.record.words),
            "Summary": bool(found.record.summary),
        }
        told = told or any(has.values())
        yield record_text(replace(found.record, **_asked(found.record, asked_fields(has, draw))))
    if not told:
        raise BadInput(
            f"{path.name!r} tells no words, features or summary of its stories: leave out :requests"
        )


def _asked(record: InstructRecord, fields: tuple[str, ...]) -> dict[str, Any]:
    return {
        "features": record.features if "Features" in fields else (),
        "words": record.words if "Words" in fields else (),
        "summary": record.summary if "Summary" in fields else None,
        "order": fields,
    }


@dataclass(frozen=True, kw_only=True)
class AllDataStory:
    """A story of TinyStories' all-data shards, with what it was made from.

    `record` holds its words, features and summary; `source` who wrote it, such as "GPT-4".
    """

    record: InstructRecord
    source: str


def all_data_story(value: object, column: str, where: str) -> AllDataStory:
    """Read `{story, instruction: {words, features}, summary, source}`; what is missing is left empty.

    Features get the names that Instruct records use. Raises `BadInput` where there is no story, or a
    field is not what its name says.
    """
    if not isinstance(value, dict):
        raise BadInput(f"{where} must be an object with a story, not {shown(value)}")
    story = value[column_of(value, column, where)]
    instruction = value.get("instruction") or {}
    if not isinstance(instruction, dict):
        raise BadInput(f'"instruction" in {where} must be an object, not {shown(instruction)}')
    words, features = (_texts(instruction, name, where) for name in ("words", "features"))
    summary, source = value.get("summary") or "", value.get("source") or ""
    for name, text in (("a story", story), ('"summary"', summary), ('"source"', source)):
        if not isinstance(text, str):
            raise BadInput(f"{name} in {where} must be a text, not {shown(text)}")
    return AllDataStory(
        record=InstructRecord(
            features=tuple(feature_name(one) for one in features),
            words=words,
            summary=" ".join(summary.split()) or None,
            story=story.strip(),
        ),
        source=source,
    )


def _texts(instruction: dict[str, Any], name: str, where: str) -> tuple[str, ...]:
    found = instruction.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadInput(f"{shown(name)} in {where} must be a list of texts, not {shown(found)}")
    return tuple(one.strip() for one in found if one.strip())


def _values(path: Path) -> Iterator[object]:
    """Yield the items of a JSON list, or consecutive JSON values, decoded one by one."""
    decoder = json.JSONDecoder()
    rest, in_list, number = "", None, 0
    between = " \t\r\n"
    for block in blocks(path):
        rest += block
        if in_list is None:
            if not (rest := rest.lstrip()):
                continue
            in_list = rest[0] == "["
            if in_list:
                rest, between = rest[1:], between + ","
        at = 0
        while (at := _past(rest, at, between)) < len(rest) and not (in_list and rest[at] == "]"):
            try:
                item, at = decoder.raw_decode(rest, at)
            except (ValueError, RecursionError):
                break  # the item goes on in the next block, or is no JSON at all
            number += 1
            yield item
        rest = checked_length(rest[at:], path, "a .json corpus is a list of records")
    if rest.strip() != ("]" if in_list else ""):
        end = ", or the list never ends" if in_list else ""
        raise BadInput(f"item {number + 1} of {path.name!r} is not JSON{end}")


def _past(text: str, at: int, between: str) -> int:
    """Return the first index from `at` on whose character is not in `between`."""
    while at < len(text) and text[at] in between:
        at += 1
    return at


def _stories_of(value: object, column: str, where: str) -> Iterator[str]:
    """Yield the story of a record, or each story of `{"text": [...]}`."""
    if isinstance(value, dict):
        field = column_of(value, column, where)
        value, where = value[field], f"{shown(field)} in {where}"
    if isinstance(value, dict):  # pandas numbers the rows
        value = list(value.values())
    for story in value if isinstance(value, list) else [value]:
        if story is not None and not isinstance(story, str):
            raise BadInput(f"{where} must be a text, not {shown(story)}")
        yield story or ""


# --- tables -----------------------------------------------------------------------------------------


def read_csv(path: Path, column: str) -> Iterator[str]:
    """Yield the text column of a CSV file; without a heading its only column, or number `column`.

    The delimiter is the comma, semicolon or tab that the first line has most of.
    """
    start = next(blocks(path), "").split("\n", 1)[0]
    delimiter = max(",;\t", key=start.count) if '"' not in start else ","
    csv.field_size_limit(LONGEST_STORY)
    ended = (f"{line}\n" for line in lines(path, "a CSV file has lines"))
    rows = csv.reader(ended, delimiter=delimiter, strict=True)
    try:
        first = next((row for row in rows if row), [])
        at, headed = _csv_column(first, column, path)
        if not headed:
            yield first[at]
        for row in rows:
            if row:
                if len(row) <= at:
                    raise BadInput(
                        f"line {rows.line_num} of {path.name!r} has {len(row)} fields, "
                        f"and stories stand in field {at + 1}"
                    )
                yield row[at]
    except csv.Error as error:
        raise BadInput(f"line {rows.line_num} of {path.name!r} is not CSV: {error}") from None


def _csv_column(first: list[str], column: str, path: Path) -> tuple[int, bool]:
    """Return the field that holds the story, and whether the first line is a heading."""
    if column.isdecimal() and column not in first:
        if not 1 <= int(column) <= len(first):
            raise BadInput(f"{path.name!r} has {len(first)} columns, and no column {column}")
        return int(column) - 1, False
    if not column and len(first) == 1 and (len(first[0]) > HEADING or "\n" in first[0]):
        return 0, False
    name = column_of(first, column, f"the first line of {path.name!r}")
    return first.index(name), True


def read_parquet(path: Path, column: str) -> Iterator[str]:
    """Yield the text column of a Parquet file, of any of Arrow's text types."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            texts = [field.name for field in schema if _is_text(field.type)]
            if (column or not texts) and column not in texts:
                there = ", ".join(f"{shown(f.name)} ({one_line(str(f.type), 30)})" for f in schema)
                asked = shown(column) if column else '"text" or "story"'
                raise BadInput(f"{path.name!r} needs a text column {asked}; it has {there}")
            name = column_of(texts, column, repr(path.name))
            for batch in file.iter_batches(batch_size=1024, columns=[name]):
                for story in batch.column(0).to_pylist():
                    yield story.decode() if isinstance(story, bytes) else story or ""
    except (pyarrow.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # the disk's fault; pyarrow's own has no number
            raise
        raise BadInput(f"{path.name!r} is not a parquet file: {one_line(str(error))}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is not: {error}") from None


def _is_text(kind: "pyarrow.DataType") -> bool:
    import pyarrow

    while pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    texts: list[Any] = [
        pyarrow.string(),
        pyarrow.large_string(),
        pyarrow.string_view(),
        pyarrow.binary(),
        pyarrow.large_binary(),
        pyarrow.binary_view(),
    ]
    return kind in texts
