"""Rubrics: what a judge is asked to grade, as data. The paper's by default, another from a file."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slm.errors import BadInput, one_line, shown
from slm.grading.grade_reader import AGE, AGES
from slm.llm.messages import form
from slm.reading import typed
from slm.yaml_files import Placed, read_placed

NAME = re.compile(r"[a-z][a-z0-9]*(?:[ _-][a-z0-9]+)*")
LONGEST_NAME, LONGEST_WORDS, MOST_DIMENSIONS = 40, 600, 12
KEYS = {"name": str, "assess": str, "dimensions": dict, "age_group": bool}
"""What a rubric's file may hold; `name` and `dimensions` it must."""


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """What is graded, and in which words a judge is asked.

    `assess` is what the first turn asks to be assessed, `grade` what the second asks to be graded,
    `dimensions` are the names in the answer. `version` is kept with each grade.
    """

    name: str
    version: str
    dimensions: tuple[str, ...]
    assess: str
    grade: str
    age_group: bool = True

    @property
    def response_format(self) -> dict[str, Any]:
        """Build the schema of the answer."""
        numbers: dict[str, Any] = {name: {"type": "number"} for name in self.dimensions}
        age = {AGE: {"type": "string", "enum": list(AGES)}} if self.age_group else {}
        return form("grades", numbers | age)

    @property
    def example(self) -> str:
        """Write an answer as it should look."""
        return json.dumps(
            dict.fromkeys(self.dimensions, 5) | ({AGE: "B"} if self.age_group else {})
        )

    def to_text(self) -> str:
        """Write the rubric as one line of JSON, from which `from_text` reads it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "Rubric":
        """Read what `to_text` wrote; raises `ValueError` where it is damaged."""
        return typed(cls, json.loads(text), "rubric")


DIMENSIONS = ("grammar", "creativity", "consistency", "plot")
INSTRUCTION = "instruction"
ALL_DIMENSIONS = (*DIMENSIONS, INSTRUCTION)
PAPER = Rubric(
    name="paper",
    version="1",
    dimensions=DIMENSIONS,
    assess="its grammar, how creative it is, how consistent it is with the beginning, how well the "
    "broken sentence was completed, and whether the plot makes sense",
    grade="grammar, creativity, consistency with the beginning, and plot",
)
"""Eldan & Li 2023, section 3, in our own words."""
PAPER_INSTRUCT = Rubric(
    name="paper",
    version="instruct-1",
    dimensions=ALL_DIMENSIONS,
    assess="its grammar, how creative it is, how consistent it is in itself and with what was given, "
    "whether the plot makes sense, and how well the task was kept",
    grade="grammar, creativity, consistency, plot, and instruction (how well the task was kept)",
)
"""The same where the beginning is a record of TinyStories-Instruct."""


def read_rubric(path: Path) -> Rubric:
    """Read a rubric from a YAML or JSON file; `BadInput` naming file, line and rule."""
    try:
        return parse_rubric(str(path), path.read_bytes())
    except OSError as error:
        raise BadInput(f"no rubric in {shown(path)}: {error.strerror}") from None


def parse_rubric(name: str, data: bytes) -> Rubric:
    """Parse a rubric: `name`, `dimensions` (each with words on what it means), `assess`, `age_group`.

    Without `assess` the first turn asks about the dimensions' words. The version is the name and a
    hash of the contents. Raises `BadInput`, one line with file, line and rule.
    """
    try:
        whole = read_placed(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"{name} line {line}: it is not UTF-8") from None
    if not isinstance(whole.value, dict):
        raise BadInput(f"{name} line {whole.line}: a rubric is keys with values, as name: mine")
    given: dict[str, Placed] = whole.value
    for key, one in given.items():
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise BadInput(f"{name} line {one.line}: a rubric has {known}, not {one_line(key)}")
        if not isinstance(one.value, KEYS[key]):
            what = {str: "a text", dict: "names with texts", bool: "true or false"}[KEYS[key]]
            raise BadInput(f"{name} line {one.line}: {key} is {what}, not {shown(one.plain())}")
    for key in ("name", "dimensions"):
        if key not in given:
            raise BadInput(f"{name} line {whole.line}: a rubric needs {key}")
    title = _name(name, given["name"], str(given["name"].value))
    dimensions = _dimensions(name, given["dimensions"])
    *others, last = dimensions.values()
    words = f"{', '.join(others)}, and {last}" if others else last
    assess = _words(name, given["assess"]) if "assess" in given else words
    ages = bool(given["age_group"].value) if "age_group" in given else True
    parts = [list(dimensions.items()), assess, ages]
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=4).hexdigest()
    return Rubric(
        name=title,
        version=f"{title}-{digest}",
        dimensions=tuple(dimensions),
        assess=assess,
        grade=", ".join(f"{one} ({said})" for one, said in dimensions.items()),
        age_group=ages,
    )


def _dimensions(name: str, given: Placed) -> dict[str, str]:
    """Read the dimensions' names and words."""
    found: dict[str, str] = {}
    for key, one in given.value.items():
        dimension = _name(name, one, key)
        if dimension in (AGE, "age", "ages"):
            raise BadInput(f"{name} line {one.line}: ages are asked for by age_group: true")
        found[dimension] = _words(name, one)
    if not 1 <= len(found) <= MOST_DIMENSIONS:
        raise BadInput(
            f"{name} line {given.line}: a rubric has 1 to {MOST_DIMENSIONS} dimensions, not {len(found)}"
        )
    plain = [re.sub(r"[ _-]", "", one) for one in found]
    for at, one in enumerate(plain):
        if one in plain[:at]:
            raise BadInput(
                f"{name} line {given.line}: two dimensions read alike: {list(found)[at]}"
            )
    return found


def _name(name: str, one: Placed, value: str) -> str:
    if not NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        raise BadInput(
            f"{name} line {one.line}: a name is small letters, digits and single spaces, '_' or '-', "
            f"at most {LONGEST_NAME}, not {shown(value)}"
        )
    return value


def _words(name: str, one: Placed) -> str:
    value = one.value
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_WORDS:
        raise BadInput(
            f"{name} line {one.line}: words on what is graded are a text of 1 to {LONGEST_WORDS} "
            f"characters, not {shown(one.plain())}"
        )
    return " ".join(value.split())
