"""Messages to a judge, and parsing the one JSON object of its answer."""

import json
import re
from dataclasses import dataclass
from typing import Any

Message = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back, and how many tokens the server says it took."""

    text: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """An answer that is not what was asked for, kept as it came."""

    reason: str
    reply: str


def form(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Build the `response_format` of a strict JSON schema: an object with exactly these properties."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": schema},
    }


def read_object(reply: str) -> dict[str, Any] | Unreadable:
    """Parse a reply that is one JSON object, fenced or not; `Unreadable` where it is anything else."""
    text = reply.strip()
    if fenced := re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL):
        text = fenced[1]
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Unreadable(reason="the answer is not JSON", reply=reply)
    if not isinstance(data, dict):
        return Unreadable(reason="the answer is not a JSON object", reply=reply)
    return data


def harmless(text: str) -> str:
    """Escape the tags and marks that would end the story or the task early."""
    marks = r"<(?=\s*/?\s*(?:story|task|first|second)\b)"
    return re.sub(marks, "(", text, flags=re.IGNORECASE).replace("*", "•")
