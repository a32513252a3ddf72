"""Messages to a judge, and what comes back."""

import re
from dataclasses import dataclass
from typing import Any, Literal

Message = dict[str, str]

ReplyPart = Literal["content", "list of parts", "reasoning", "tool call", "refusal"]
"""Where in a server's message the text of a reply stood."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back, and how many tokens the server says it took.

    `finish` is why it ended, in the server's word (`stop`, `length`, `content_filter`); None where it
    said none.
    """

    text: str
    input_tokens: int
    output_tokens: int
    finish: str | None = None
    part: ReplyPart = "content"

    @property
    def is_cut(self) -> bool:
        """Whether it ended at the limit of tokens and not at its own end."""
        return self.finish == LENGTH


LENGTH, FILTERED = "length", "content_filter"
"""Finish reasons of the OpenAI protocol that say a reply is not whole."""


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


def harmless(text: str) -> str:
    """Escape the tags and marks that would end the story or the task early."""
    marks = r"<(?=\s*/?\s*(?:story|task|first|second)\b)"
    return re.sub(marks, "(", text, flags=re.IGNORECASE).replace("*", "•")
