"""Read the body of an answer with status 200: a completion, or why it is none."""

import json
import math
from collections.abc import Mapping
from typing import Any

from slm.llm.messages import LENGTH, Reply, ReplyPart
from slm.llm.refusals import is_web_page, words_of


class NoCompletion(Exception):
    """A body that holds no completion; the words say what it holds instead."""


def read_completion(body: str, content_type: str, likely_input: int) -> Reply:
    """Read the first choice of a completion. Raises `NoCompletion`.

    The text is the content, as text or as a list of parts (thinking parts are left out); where it is
    empty, the refusal, the arguments of a tool call, or the reasoning of a reply that came to its end.
    Where the server counts no tokens, four characters make one and `likely_input` were read.
    """
    if is_web_page(body):
        raise NoCompletion(f"answered with a web page ({words_of(body)})")
    if "event-stream" in content_type or body.lstrip().startswith(("data:", "event:")):
        raise NoCompletion("answered with an event stream, which was not asked for")
    if not body.strip():
        raise NoCompletion("answered nothing (an empty body)")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise NoCompletion("answered nonsense (no JSON)") from None
    whole: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    choices = whole.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, Mapping) else {}
    for place in (choice, whole):
        if place.get("error") and not _text_of(choice)[0]:
            raise NoCompletion(f"answered with an error ({words_of(place['error'])})")
    text, part = _text_of(choice)
    finish = choice.get("finish_reason")
    read, written = _tokens(whole.get("usage"))
    thoughts = _reasoning(_message(choice))
    return Reply(
        text=text,
        input_tokens=likely_input if read is None else read,
        output_tokens=math.ceil(len(text + thoughts) / 4) if written is None else written,
        finish=finish if isinstance(finish, str) else None,
        part=part,
    )


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    message = choice.get("message")
    return message if isinstance(message, Mapping) else {}


def _text_of(choice: Mapping[str, Any]) -> tuple[str, ReplyPart]:
    """Return the text of a choice and where it stood."""
    message = _message(choice)
    content = message.get("content", choice.get("text"))
    if isinstance(content, str) and content.strip():
        return content, "content"
    if isinstance(content, list) and (text := "".join(map(_part_text, content))).strip():
        return text, "list of parts"
    if isinstance(refusal := message.get("refusal"), str) and refusal.strip():
        return refusal, "refusal"
    if arguments := _arguments(message):
        return arguments, "tool call"
    if choice.get("finish_reason") != LENGTH and (thoughts := _reasoning(message)).strip():
        return thoughts, "reasoning"
    return content if isinstance(content, str) else "", "content"


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type") not in ("text", "output_text"):
        return ""
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _arguments(message: Mapping[str, Any]) -> str:
    """Return the arguments of the first tool call, or of the older function call."""
    calls = message.get("tool_calls")
    first = calls[0] if isinstance(calls, list) and calls else {}
    function = first.get("function") if isinstance(first, Mapping) else None
    function = function or message.get("function_call")
    arguments = function.get("arguments") if isinstance(function, Mapping) else None
    if isinstance(arguments, Mapping):
        return json.dumps(arguments)
    return arguments if isinstance(arguments, str) else ""


def _reasoning(message: Mapping[str, Any]) -> str:
    named = (message.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
    return next((text for text in named if isinstance(text, str) and text), "")


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    """Return the tokens read and written; what only the total counts (thoughts) was written."""
    if not isinstance(usage, Mapping):
        return None, None
    read, written, total = (
        value if isinstance(value := usage.get(name), int) and value >= 0 else None
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if read is not None and total is not None:
        written = max(written or 0, total - read)
    return read, written
