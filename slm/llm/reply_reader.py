"""Find the JSON object in a judge's reply: thoughts are left out, then named rules are tried in order."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slm.llm.messages import Unreadable

MOST_TRIES = 200
"""So many opening braces of a reply are tried as the beginning of an object."""


@dataclass(frozen=True)
class Contradiction:
    """The values of a key that stands several times in one JSON object."""

    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The objects that a rule found, and the text around them."""

    objects: Sequence[dict[str, Any]]
    rest: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A named way to find JSON objects in a text; `find` returns None where it finds none."""

    name: str
    find: Callable[[str], Found | None]


_TAG = r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection)"
_OPEN = rf"(?:<\s*{_TAG}\s*>|\[THINK\]|◁think▷)"
_CLOSE = rf"(?:<\s*/\s*{_TAG}\s*>|\[/THINK\]|◁/think▷)"
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*<\|message\|>(.*)", re.DOTALL)
_CHANNEL = re.compile(r"<\|channel\|>")
_BARE_FINAL = re.compile(r"analysis.*?assistant(?:<\|channel\|>)?final(.*)", re.DOTALL)
_MARK = re.compile(r"<\|[^|<>]*\|>")


def without_thoughts(text: str) -> str:
    """Remove what a thinking judge wrote before its answer; empty where it wrote nothing else.

    Thoughts stand in tags, before a closing tag alone (templates that open it themselves), after an
    opening tag alone (cut off), or in another channel than the final one.
    """
    if _CHANNEL.search(text) or _BARE_FINAL.match(text.lstrip()):
        final = _FINAL.search(text) or _BARE_FINAL.match(text.lstrip())
        return _MARK.split(final[1])[0].strip() if final else ""
    if not re.search(f"{_OPEN}|{_CLOSE}", text, re.IGNORECASE):
        return text
    text = re.sub(f"{_OPEN}.*?{_CLOSE}", "", text, flags=re.IGNORECASE | re.DOTALL)
    text = re.split(_CLOSE, text, flags=re.IGNORECASE)[-1]
    return re.split(_OPEN, text, flags=re.IGNORECASE)[0].strip()


def objects_alone(text: str) -> Found | None:
    """Parse a text that is one JSON object, or a list of them."""
    return _whole(_parse(text.strip().lstrip("\ufeff")))


def objects_as_text(text: str) -> Found | None:
    """Parse a JSON string that itself holds a JSON object (doubly encoded)."""
    value = _parse(text.strip())
    return _whole(_parse(value.strip())) if isinstance(value, str) else None


def objects_in_fences(text: str) -> Found | None:
    """Parse what stands between Markdown fences."""
    fence = r"```[A-Za-z0-9]*\s*(.*?)```"
    found = [_whole(_parse(one.strip())) for one in re.findall(fence, text, re.DOTALL)]
    objects = [one for each in found if each for one in each.objects]
    return (
        Found(objects=objects, rest=re.sub(fence, " ", text, flags=re.DOTALL)) if objects else None
    )


def objects_in_prose(text: str) -> Found | None:
    """Parse each outermost object that stands in a text."""
    objects, rest, at = list[dict[str, Any]](), list[str](), 0
    for start, value, end in _each_object(text):
        objects.append(value)
        rest.append(text[at:start])
        at = end
    return Found(objects=objects, rest=" ".join([*rest, text[at:]])) if objects else None


def objects_with_slips(text: str) -> Found | None:
    """Parse objects of nearly JSON: other quotes, bare keys, trailing commas, comments, `8/10`, `+8`."""
    return objects_in_prose(_mended(text))


RULES: tuple[Rule, ...] = (
    Rule(name="JSON", find=objects_alone),
    Rule(name="JSON in a JSON text", find=objects_as_text),
    Rule(name="JSON in a fence", find=objects_in_fences),
    Rule(name="JSON in prose", find=objects_in_prose),
    Rule(name="nearly JSON", find=objects_with_slips),
)
"""In the order in which they are tried."""


def find_objects(text: str) -> Iterator[tuple[str, Found]]:
    """Yield what each rule finds in a text without thoughts, in order, with the rule's name."""
    for rule in RULES:
        if found := rule.find(text):
            yield rule.name, found


def read_object(reply: str) -> dict[str, Any] | Unreadable:
    """Return the one JSON object of a reply; `Unreadable` where it has none, or several."""
    text = without_thoughts(reply)
    if reply.strip() and not text:
        return Unreadable(reason="the answer holds thoughts and nothing else", reply=reply)
    for _, found in find_objects(text):
        first, *others = found.objects
        if any(other != first for other in others):
            return Unreadable(reason="the answer holds several JSON objects", reply=reply)
        if twice := [key for key, value in first.items() if isinstance(value, Contradiction)]:
            return Unreadable(reason=f"{twice[0]!r} stands twice in the answer", reply=reply)
        return first
    return Unreadable(reason="there is no JSON object in the answer", reply=reply)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object in which a key that stands twice keeps all its values."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            before = found[key]
            known = before.values if isinstance(before, Contradiction) else (before,)
            found[key] = Contradiction((*known, value))
        else:
            found[key] = value
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _parse(text: str) -> Any:
    """Parse a JSON text; None where it is none."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> Found | None:
    """Return an object, or a list of objects alone, as found."""
    values = value if isinstance(value, list) else [value]
    return Found(objects=values) if values and all(isinstance(v, dict) for v in values) else None


def _each_object(text: str) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Yield each outermost object of a text with where it begins and ends."""
    at = 0
    for _ in range(MOST_TRIES):
        if (at := text.find("{", at)) < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if value:
            yield at, value, end
        at = end


_NUMBER = r"[+-]?\d+(?:[.,]\d+)?(?:\s*(?:/|out of)\s*\d+)?"
_SLIPS: tuple[tuple[str, str], ...] = (
    (r"[\u201c\u201d\u201e\u00ab\u00bb]", '"'),
    (r"[\u2018\u2019]", "'"),
    (r"/\*.*?\*/|(?<!:)//[^\n]*", ""),
    (r"(?<=[{,:\[\s])'|'(?=\s*[:,}\]])", '"'),
    (r"([{,]\s*)([A-Za-z_]\w*)(\s*:)", r'\1"\2"\3'),
    (rf":\s*({_NUMBER})\s*(?=[,}}\n])", r': "\1"'),
    (r",(\s*[}\]])", r"\1"),
)


def _mended(text: str) -> str:
    """Return a text with the usual slips of JSON set right; numbers become texts, `8,5` too."""
    for pattern, instead in _SLIPS:
        text = re.sub(pattern, instead, text, flags=re.DOTALL)
    return text
