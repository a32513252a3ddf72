"""What a server's error is about: the text, the model, the path, the key, a parameter, or a busy hour."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import openai

TEXT_REFUSALS = (400, 403, 413, 422)
"""HTTP statuses by which servers refuse a text; the same say that a key or a request is wrong."""
REQUEST_REFUSALS = (400, 404, 422, 500, 501)
"""HTTP statuses by which servers refuse a schema or a parameter."""
PARAMETERS = ("response_format", "temperature", "max_tokens", "max_completion_tokens")
"""What may be given up, in the order in which it is doubted where no refusal names it."""

_TEXT = (
    "content_filter",
    "content_policy",
    "content management policy",
    "content policy",
    "flagged",
    "moderation",
    "responsibleai",
    "safety",
    "context_length",
    "context length",
    "context size",
    "context window",
    "too long",
    "string_above_max_length",
    "too large",
)
"""Of OpenAI, Azure, OpenRouter, vLLM, llama.cpp and Anthropic, in small letters."""
_SCHEMA = (
    "response format",
    "json_schema",
    "json schema",
    "structured output",
    "schema",
    "grammar",
)
_NO_MODEL = re.compile(
    r"model.{0,80}(?:not found|does ?n.t exist|does not exist|not exist|not a valid|invalid|unknown|"
    r"not supported|no longer|not available|not loaded|no access|not have access|deprecated)|"
    r"(?:no such|unknown|invalid|unavailable|no|not a valid|access to (?:the )?) ?model|"
    r"no models? loaded|model_not_found",
    re.IGNORECASE | re.DOTALL,
)
_NO_PATH = re.compile(
    r"unexpected endpoint|404 page not found|no route|unknown (?:path|url|endpoint|route)|"
    r"(?:path|url|endpoint|route|page|resource).{0,40}not (?:be )?found|cannot post|invalid url|"
    r"^not found$",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"insufficient|balance|billing|credits?\b|api.?key|permission|unauthori", re.IGNORECASE
)
_TOO_MUCH = re.compile(
    r"too large|context|exceed|at most|maximum|less than or equal|<=|\bmust be\b", re.IGNORECASE
)


def words(error: openai.APIStatusError) -> str:
    """Return a server's own words in one line; of a web page, its title."""
    return words_of(error.body if error.body is not None else error.response.text) or error.message


def words_of(body: Any) -> str:
    """Find the message in the body of an error, in whichever of the usual shapes it has."""
    if isinstance(body, list):
        body = body[0] if body else ""
    if isinstance(body, Mapping):
        for key in ("message", "error", "detail", "msg"):
            if body.get(key):
                return words_of(body[key])
        return _line(str(dict(body)))
    text = str(body)
    if is_web_page(text):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return _line(title[1] if title else re.sub(r"<[^>]*>", " ", text))
    return _line(text)


def is_web_page(text: str) -> bool:
    """Return whether a body is HTML."""
    return bool(re.match(r"\s*<(?:!doctype|html|head|body)", text, re.IGNORECASE))


def is_about_the_text(error: openai.APIStatusError) -> bool:
    """Return whether the server refuses this text, by code or in words."""
    said = f"{error.code} {error.message}".lower()
    return any(sign in said for sign in _TEXT)


def is_about_the_model(said: str) -> bool:
    """Return whether a server's words say that it has no such model."""
    return bool(_NO_MODEL.search(said))


def is_about_the_path(said: str) -> bool:
    """Return whether a server's words say that nothing answers under this path."""
    return bool(_NO_PATH.search(said))


def is_about_the_key(said: str) -> bool:
    """Return whether a server's words are about a key, what it may do, or its credit."""
    return bool(_MONEY.search(said))


def is_too_much(error: openai.APIStatusError) -> bool:
    """Return whether the server takes the limit of tokens, but not so high a one."""
    if error.status_code not in (400, 422):
        return False
    names = re.search(r"max_(?:completion_)?tokens", error.message)
    unknown = re.search(
        r"unsupported|not supported|unrecognized|extra", error.message, re.IGNORECASE
    )
    return bool(names and not unknown and _TOO_MUCH.search(error.message))


def parameter_named(error: openai.APIStatusError, sent: Collection[str]) -> str | None:
    """Return the parameter that a refusal names; None where it names none that was sent."""
    if error.status_code not in REQUEST_REFUSALS or is_about_the_text(error):
        return None
    said = f"{error.message} {error.body}"
    for name in reversed(PARAMETERS):
        if name in sent and re.search(rf"(?<!\w){name}(?!\w)", said):
            return name
    if "response_format" in sent and any(sign in said.lower() for sign in _SCHEMA):
        return "response_format"
    return None


def parameter_doubted(
    error: openai.APIStatusError, sent: Collection[str], accepted: Collection[str]
) -> str | None:
    """Return the parameter that a refusal may be about, which was never taken before; or None."""
    status, said = error.status_code, words(error)
    if status not in REQUEST_REFUSALS or is_about_the_text(error) or is_about_the_model(said):
        return None
    if status == 404 and "parameter" not in said.lower():
        return None
    if is_about_the_key(said):
        return None
    doubted = [name for name in PARAMETERS if name in sent and name not in accepted]
    if status == 500:
        doubted = [name for name in doubted if name == "response_format"]
    return doubted[0] if doubted else None


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
