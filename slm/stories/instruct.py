"""Records of TinyStories-Instruct, taken apart and put together: what was asked, then the story.

A record is some of the lines `Features: a, b`, `Words: x, y, z`, `Summary: …`, `Random sentence: …`
in any order, and a part `Story:`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slm.errors import BadInput

FIELDS = ("Features", "Words", "Summary", "Random sentence")
"""What can be asked of a story, as records name it."""
FIELD_SHARE = 0.6
"""The chance of each field to be asked for, where records are made."""
FEATURES = ("Dialogue", "BadEnding", "MoralValue", "Twist", "Foreshadowing", "Conflict")
"""The features that records name."""

_HEADING = re.compile(rf"^({'|'.join(FIELDS)}|Story):[ \t]*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class InstructRecord:
    """What was asked for, None or empty where nothing was, and the story, None where it is missing.

    `order` names the fields as they stood; `compose` writes them so.
    """

    features: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    summary: str | None = None
    random_sentence: str | None = None
    story: str | None = None
    order: tuple[str, ...] = FIELDS


def is_record(text: str) -> bool:
    """Return whether `text` opens with a field, and so is a record."""
    return _HEADING.match(text.lstrip()) is not None


def parse_record(text: str) -> InstructRecord:
    """Take a record apart. A field goes on over lines until the next one begins.

    Only the first heading of each name counts: a story may say "Words:" too.
    Raises `BadInput` for text that does not open with a field.
    """
    text = text.strip()
    if not is_record(text):
        raise BadInput(f"a record opens with {', '.join(FIELDS)} or Story, not with {text[:40]!r}")
    headings: dict[str, re.Match[str]] = {}
    for match in _HEADING.finditer(text):
        headings.setdefault(match[1], match)
    begins = [match.start() for match in headings.values()]
    parts = {
        name: text[match.end() : end].strip()
        for (name, match), end in zip(headings.items(), [*begins[1:], len(text)], strict=True)
    }
    return InstructRecord(
        features=_listed(parts.get("Features", "")),
        words=_listed(parts.get("Words", "")),
        summary=parts.get("Summary") or None,
        random_sentence=parts.get("Random sentence") or None,
        story=parts.get("Story") or None,
        order=tuple(name for name in parts if name != "Story"),
    )


def story_of(text: str) -> str:
    """Return a record's story, empty where it has none; what is no record is a story itself."""
    return (parse_record(text).story or "") if is_record(text) else text


def fields_named(names: Iterable[str]) -> tuple[str, ...]:
    """Return the fields of these names, in any case, as in FIELDS' order; `BadInput` for another name."""
    named = {name.strip().casefold(): name for name in names if name.strip()}
    found = tuple(field for field in FIELDS if named.pop(field.casefold(), None) is not None)
    if named or not found:
        wrong = next(iter(named.values()), "")
        raise BadInput(f"a record's fields are {', '.join(FIELDS)}, not {wrong!r}")
    return found


def asked_fields(has: Mapping[str, bool], draw: Callable[[], float]) -> tuple[str, ...]:
    """Draw which fields a record asks for, of those that it has: a random subset in random order.

    Each has the same chance, and at least one is drawn; `draw` gives numbers from 0 to 1.
    """
    if not any(has.values()):
        return ()
    fields: list[str] = []
    while not fields:
        fields = [name for name in FIELDS if draw() < FIELD_SHARE and has.get(name)]
    return shuffled(fields, draw)


def shuffled(values: Iterable[str], draw: Callable[[], float]) -> tuple[str, ...]:
    """Shuffle by a function that gives numbers from 0 to 1."""
    rest, order = list(values), list[str]()
    while rest:
        order.append(rest.pop(int(draw() * len(rest))))
    return tuple(order)


def record_text(record: InstructRecord) -> str:
    """Return a record as the set writes it: the request, `Story:`, an empty line and the story."""
    return f"{compose(record)} \n\n{record.story or ''}"


def feature_name(name: str) -> str:
    """Return the name that records use for a feature: BadEnding for "bad ending"; others stay."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return next((one for one in FEATURES if one.lower() in (plain, f"{plain}value")), name.strip())


def whole_records(parts: Iterable[str]) -> Iterator[str]:
    """Put together the records that were taken apart at empty lines.

    A record begins with a field; what begins otherwise, `Story:` too, belongs to the one before.
    """
    record = ""
    for part in parts:
        begins = is_record(part) and not part.lstrip().startswith("Story:")
        if record and begins:
            yield record
            record = part
        else:
            record = f"{record}\n\n{part}" if record else part
    if record:
        yield record


def compose(record: InstructRecord) -> str:
    """Format a record as a prompt: its fields in their order, then `Story:` for a model to continue.

    Ends without a space, which in the corpus belongs to what follows. `order` first, then the fields
    that it leaves out; empty fields are omitted.
    """
    values = {
        "Features": ", ".join(record.features),
        "Words": ", ".join(record.words),
        "Summary": record.summary,
        "Random sentence": record.random_sentence,
    }
    order = dict.fromkeys((*record.order, *FIELDS))
    lines = [f"{name}: {values[name]}" for name in order if values[name]]
    return "\n".join([*lines, "Story:"])


def request(
    features: Sequence[str] = (), words: str = "", summary: str = "", random_sentence: str = ""
) -> InstructRecord:
    """Build a record from a person's request; `words` are separated by commas.

    Each field becomes one line. Raises `BadInput` for an unknown feature, and where nothing is asked
    for.
    """
    named = _listed(",".join(features))
    if unknown := [name for name in named if name not in FEATURES]:
        raise BadInput(f"a feature is one of {', '.join(FEATURES)}, not {unknown[0]!r}")
    record = InstructRecord(
        features=named,
        words=_listed(" ".join(words.split())),
        summary=" ".join(summary.split()) or None,
        random_sentence=" ".join(random_sentence.split()) or None,
    )
    if record == InstructRecord():
        raise BadInput(
            "a request asks for features, words, a summary or a sentence, not for nothing"
        )
    return record


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
