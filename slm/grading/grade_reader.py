"""Read grades from a judge's reply, by named rules in order; what is ambiguous is never read.

A rule yields the values that stand beside each dimension's name. A dimension with two different
values, a value that is no grade from 0 to 10, or a missing one leaves the reply ungraded.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slm.errors import shown
from slm.llm.reply_reader import Contradiction, find_objects, without_thoughts

AGE = "age_group"
AGES = {"A": "3 or under", "B": "4-5", "C": "6-7", "D": "8-9", "E": "10-12", "F": "13-16"}
OLDEST = {"A": 3, "B": 5, "C": 7, "D": 9, "E": 12, "F": 16}
"""The age group's letters, what is said of them, and the last year of each."""

Values = dict[str, list[Any]]
"""What stands beside each dimension's name."""
Finder = Callable[[str, str, str], Iterator[tuple[str, bool]]]
"""Yields the grades of a dimension in a text, and whether each is said to be out of ten."""


@dataclass(frozen=True, kw_only=True)
class ReadGrades:
    """What a reply says: grades by dimension, an age group where one was asked for, and the rule."""

    grades: dict[str, float]
    age_group: str | None
    rule: str


@dataclass(frozen=True, kw_only=True)
class NotRead:
    """Why a reply cannot be read as grades."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class GradeRule:
    """A named way to find values beside the names of dimensions; yields nothing where it finds none."""

    name: str
    find: Callable[[str, Sequence[str]], Iterator[tuple[str, Values]]]


def read_grades(
    reply: str, dimensions: Sequence[str], *, ages: bool = True, is_cut: bool = False
) -> ReadGrades | NotRead:
    """Read the grades of a reply; thoughts in it are left out.

    `is_cut`: it ended at the limit of tokens, so that its last number may not be whole.
    """
    text = without_thoughts(reply).strip()
    if not text:
        return NotRead(reason=_empty(reply, is_cut))
    wanted = (*dimensions, AGE) if ages else tuple(dimensions)
    thoughts = "" if text == reply.strip() else ", thoughts left out"
    if is_cut or text.count("{") > text.count("}"):
        text = re.sub(r"[\w.,/]+$", "", text)
    missing: str | None = None
    for rule in RULES:
        for name, values in rule.find(text, wanted):
            found = _settled(values, dimensions, ages)
            if isinstance(found, ReadGrades):
                if (against := _against(found, text, wanted)) is not None:
                    return against
                return replace(found, rule=name + thoughts)
            if values.keys() >= set(wanted) or _is_wrong(found):
                return found
            missing = missing or found.reason
    cut = "the reply was cut off by its limit of tokens: " if is_cut else ""
    return NotRead(reason=cut + (missing or "there are no grades in the reply"))


def from_objects(text: str, wanted: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Find values in JSON objects, however deep they stand."""
    for name, found in find_objects(text):
        values: Values = defaultdict(list)
        for one in found.objects:
            _collect(one, wanted, values)
        if values:
            yield name, values


def from_lines(text: str, wanted: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Find `Grammar: 8/10`, `**Grammar:** 8.5/10` (as the paper shows them), or a table's row."""
    yield from _in_words("names with grades", text, wanted, _after_name)


def from_phrases(text: str, wanted: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Find `8 for grammar`, `8/10 in grammar`."""
    yield from _in_words("grades with names", text, wanted, _before_name)


RULES: tuple[GradeRule, ...] = (
    GradeRule(name="objects", find=from_objects),
    GradeRule(name="names with grades", find=from_lines),
    GradeRule(name="grades with names", find=from_phrases),
)
"""In the order in which they are tried; the first has the names of `slm.llm.reply_reader.RULES`."""


def read_grade_value(value: Any) -> float | None:
    """Read one grade out of 10: a number, `"8.5/10"`, `"eight out of ten"`, `"8 (good)"`, `"8,5"`.

    None for what is no grade from 0 to 10, and for what may be several (`"7-8"`).
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value <= 10 else None
    if not isinstance(value, str):
        return None
    found = re.fullmatch(rf"{_VALUE}{_REMARK}", _plain(value).strip(), _FLAGS)
    return _grade_of(found)


def read_age_value(value: Any) -> str | None:
    """Read an age group: a letter, an age, or a range of ages, which must agree where there are two."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}"
    if not isinstance(value, str):
        return None
    text = _with_digits(_plain(value).strip().lower())
    text = re.sub(r"^(?:age\s*)?(?:group|range)?s?\s*", "", text)
    if re.match(r"\(?[a-f]\)?\s*(?:[^\w\s(]|or|to|and)\s*\(?[a-f](?!\w|\s+\w)", text):
        return None
    letter = re.match(r"\(?([a-f])(?=\s*(?:$|[^\w\s]))", text)
    named = letter[1].upper() if letter else None
    years = [int(year) for year in re.findall(r"(?<![\d.])\d+(?![\d.]*\d)", text)]
    if not years:
        return named
    if letter is None and not re.match(r"\D{0,12}\d", text):
        return None
    groups = {_group_of(year) for year in years}
    if re.search(r"\d\s*\+|\d\s*(?:or|and)\s*(?:over|older|up|above)", text) and groups != {"F"}:
        return None
    if len(groups) != 1 or len(years) > 2:
        return None
    (group,) = groups
    return group if named in (None, group) else None


def _group_of(year: int) -> str | None:
    return next((letter for letter, last in OLDEST.items() if year <= last), None)


_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TEENS = ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen")
_NUMBERS = {word: number for number, word in enumerate((*_WORDS, *_TEENS))}
_ANY = "|".join(_WORDS)
_ONE = rf"(?:[+-]?\d+(?:[.,]\d+)?|(?:{_ANY})(?:\s+and\s+a\s+half)?)"
_SEVERAL = rf"(?P<several>\s*(?:-|to|or|and)\s*(?:\d|{_ANY}))?"
_VALUE = (
    rf"(?P<grade>{_ONE}){_SEVERAL}(?:\s*(?:/|out\s+of|of)\s*(?P<of>\d+|ten)\b)?"
    rf"(?P<also>\s*(?:-|to|or|and)\s*(?:\d|(?:{_ANY})\b))?(?![\w%/°]|[.,]\d)"
)
_REMARK = r"(?:\s*$|\s*[(\[,;:.-]\D*|\s+points?\s*\.?)"
_FLAGS = re.IGNORECASE | re.DOTALL
_GAP = (
    r"(?:\s*\((?:[^()\n]{0,20})\))?\s*(?:(?:score|grade|rating)\s*)?"
    r"(?:[:=\u2192]|is(?=\s)|of(?=\s)|at(?=\s)|gets(?=\s)|-(?=\s))?\s*(?:an?\s+)?"
)


_TYPED = str.maketrans(dict.fromkeys("\u2012\u2013\u2014\u2212", "-")) | str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u2018\u2019", " ")
)
"""Dashes and quotes of print, as they are typed."""


def _plain(text: str) -> str:
    """Return a text without Markdown's and other marks, so that a name and its value are neighbours."""
    return re.sub(r"[*_`\"'#|\\{}$]", " ", text.translate(_TYPED))


def _with_digits(text: str) -> str:
    return re.sub(r"\b[a-z]+\b", lambda m: str(_NUMBERS.get(m[0], m[0])), text)


def _grade_of(found: re.Match[str] | None) -> float | None:
    """Convert a match of `_VALUE` to a grade; None where it has several numbers or another scale."""
    if found is None or found["several"] or found["also"]:
        return None
    if found["of"] is not None and found["of"].lower() not in ("10", "ten"):
        return None
    word = found["grade"].lower().replace(",", ".")
    half = 0.5 if word.endswith("half") else 0.0
    number = _NUMBERS.get(word.split()[0])
    value = float(word) if number is None else number + half
    return value if 0 <= value <= 10 else None


def _name_of(key: str, wanted: Sequence[str]) -> str | None:
    """Return the dimension that a key names, however it is written; None for another key."""
    name = _letters(key)
    for dimension in wanted:
        plain = _letters(dimension)
        if name in (plain, *(f"{plain}{word}" for word in ("score", "grade", "rating"))):
            return dimension
    is_age = re.fullmatch(r"(?:estimated)?ages?(?:group|range|level)?(?:of\w*)?", name)
    return AGE if is_age and AGE in wanted else None


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


_VALUE_KEYS = ("score", "grade", "rating", "value", "points", "letter", "group")
_NAME_KEYS = ("dimension", "criterion", "category", "aspect", "name", "metric")


def _collect(value: Any, wanted: Sequence[str], values: Values) -> None:
    """Add what stands beside the dimensions' names in an object and all that it holds."""
    if isinstance(value, list):
        for one in value:
            _collect(one, wanted, values)
        return
    if not isinstance(value, dict):
        return
    named = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    if named is not None and (name := _name_of(named, wanted)):
        values[name].append(_inner(value))
        return
    for key, one in value.items():
        if (name := _name_of(key, wanted)) is None:
            _collect(one, wanted, values)
        elif isinstance(one, Contradiction):
            values[name] += one.values
        else:
            values[name].append(_inner(one))


def _inner(value: Any) -> Any:
    """Return the one value of `{"score": 8, "why": "..."}`; anything else as it is."""
    if isinstance(value, dict):
        inner = [value[key] for key in value if _letters(str(key)) in _VALUE_KEYS]
        if len(inner) == 1:
            return inner[0]
    return value


def _pattern(dimension: str) -> str:
    """Return the pattern of a dimension's name in words."""
    if dimension == AGE:
        return r"(?<!\w)ages?(?:\s+|-)?(?:group|range|level)?(?:\s+of\s+the\s+\w+)?"
    return r"(?<!\w)" + r"[\s-]+".join(map(re.escape, re.split(r"[\s_]+", dimension)))


def _after_name(text: str, dimension: str, names: str) -> Iterator[tuple[str, bool]]:
    """Yield the grades that follow a name, and whether each is said to be out of ten."""
    ends = rf"(?=\s*(?:$|\n|[,;.)\]](?!\d)|[(-]|points?\b|{names}))"
    pattern = rf"{_pattern(dimension)}(?:\s+with\s+the\s+beginning)?{_GAP}(?P<all>{_VALUE})"
    for found in re.finditer(pattern, text, _FLAGS):
        scaled = found["of"] is not None
        if scaled or re.match(ends, text[found.end() :], _FLAGS):
            yield found["all"], scaled


def _before_name(text: str, dimension: str, names: str) -> Iterator[tuple[str, bool]]:
    """Yield the grades that stand before a name, as in `8 for grammar`."""
    pattern = rf"(?<![\w.,/])(?P<all>{_VALUE})\s+(?:points?\s+)?(?:for|in|on)\s+(?:the\s+|its\s+)?"
    for found in re.finditer(pattern + _pattern(dimension) + r"(?!\w)", text, _FLAGS):
        yield found["all"], found["of"] is not None


def _in_words(
    name: str,
    text: str,
    wanted: Sequence[str],
    find: Finder,
) -> Iterator[tuple[str, Values]]:
    """Find values in words; nothing where some are out of ten and others say nothing of the kind."""
    text = _plain(text)
    said = _said(text, wanted, find)
    values: Values = {dimension: [value for value, _ in each] for dimension, each in said.items()}
    scales = {scaled for each in said.values() for _, scaled in each}
    if ages := list(_ages_in(text)) if AGE in wanted else []:
        values[AGE] = ages
    if said and len(scales) == 1:
        yield name, values


def _said(text: str, wanted: Sequence[str], find: Finder) -> dict[str, list[tuple[str, bool]]]:
    """Find each dimension's grades in a plain text, and whether each is said to be out of ten."""
    names = "|".join(map(_pattern, wanted))
    every = {name: list(find(text, name, names)) for name in wanted if name != AGE}
    return {name: found for name, found in every.items() if found}


def _ages_in(text: str) -> Iterator[str]:
    """Yield what follows `age group`, up to the end of its line or sentence."""
    for found in re.finditer(
        rf"{_pattern(AGE)}\s*(?:[:=-]|is\b)?\s*(?P<age>[^\n;]{{1,60}})", text, _FLAGS
    ):
        clause = re.split(r"(?<!\d)\.(?=\s|$)|\.\s*$|\s+(?=[A-Z][a-z]+\s*:)", found["age"])[0]
        clause = re.split(r",|\s-\s(?=[a-z])", clause)[0].strip()
        if read_age_value(clause) is not None:
            yield clause


def _settled(
    values: Values, dimensions: Sequence[str], ages: bool
) -> "ReadGrades | NotRead | WrongValue":
    """Return the one grade of each dimension, or why there is none."""
    grades: dict[str, float] = {}
    for name in dimensions:
        if not values.get(name):
            return NotRead(reason=f"the reply has no grade for {name}")
        read = [read_grade_value(value) for value in values[name]]
        for value, grade in zip(values[name], read, strict=True):
            if grade is None:
                return WrongValue(reason=f"{name} is {shown(value)}, not a number from 0 to 10")
        if len(set(read)) > 1:
            return WrongValue(reason=f"{name} has several grades: {_listed(read)}")
        grades[name] = read[0] or 0.0
    age_group = None
    if ages:
        if not values.get(AGE):
            return NotRead(reason="the reply has no age group")
        groups = [read_age_value(value) for value in values[AGE]]
        if None in groups:
            wrong = values[AGE][groups.index(None)]
            return WrongValue(reason=f"age_group is {shown(wrong)}, not one of the letters A to F")
        if len(set(groups)) > 1:
            return WrongValue(reason=f"the reply has several age groups: {_listed(groups)}")
        age_group = groups[0]
    return ReadGrades(grades=grades, age_group=age_group, rule="")


@dataclass(frozen=True, kw_only=True)
class WrongValue(NotRead):
    """A reply with a value that is no grade, or with two: no further rule may read it otherwise."""


def _is_wrong(found: NotRead) -> bool:
    return isinstance(found, WrongValue)


def _against(found: ReadGrades, text: str, wanted: Sequence[str]) -> WrongValue | None:
    """Return why a reply contradicts itself: grades in words that differ from those that were read."""
    for find in (_after_name, _before_name):
        for name, said in _said(_plain(text), wanted, find).items():
            grades = [read_grade_value(value) for value, _ in said]
            if others := [grade for grade in grades if grade not in (None, found.grades[name])]:
                both = _listed([found.grades[name], *others])
                return WrongValue(reason=f"{name} has several grades: {both}")
    return None


def _listed(values: Sequence[object]) -> str:
    each = (f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return " and ".join(dict.fromkeys(each))


def _empty(reply: str, is_cut: bool) -> str:
    """Say why a reply has no text to be read."""
    if is_cut:
        return "the reply was cut off by its limit of tokens before it had an answer"
    if reply.strip():
        return "the reply holds thoughts and no answer"
    return "the reply is empty"
