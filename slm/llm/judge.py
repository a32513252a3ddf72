"""A judge behind an OpenAI-compatible server: asked once a call, and its price is known beforehand."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import openai

from slm.errors import BadInput
from slm.llm.messages import Message, Reply
from slm.llm.prices import Price, prices

ANSWER_TOKENS = 400
"""No answer may be longer, so that the worst case of every call is known before it is sent."""

NO_KEY = "none"
"""What is sent where nobody gave a key: a server of one's own may need none."""

TEXT_REFUSALS = (400, 403, 413, 422)
"""HTTP statuses by which servers refuse a text; the same say that a key or a request is wrong."""
SIGNS_OF_A_REFUSED_TEXT = (
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

OPENAI = "https://api.openai.com/v1/"


class Unavailable(OSError):
    """The judge could not be asked, after several tries. What it answered before is kept."""


class Refused(BadInput):
    """The server will not read this one text: its filter forbids it, or it is too long."""


class NoReply(Exception):
    """A call without an answer that may be repeated; `wait` is the server's Retry-After in seconds."""

    def __init__(self, line: str, *, wait: float | None = None, perhaps_paid: bool = False) -> None:
        super().__init__(line)
        self.wait, self.perhaps_paid = wait, perhaps_paid


def worst_tokens(messages: Sequence[Message], form: Mapping[str, Any] | None) -> int:
    """Bound the input tokens of a call from above: no token is shorter than one byte.

    The schema of the answer is counted where one is sent, as servers count it.
    """
    schema = 0 if form is None else len(json.dumps(form))
    return schema + sum(len(message["content"].encode()) + 16 for message in messages)


def likely_tokens(messages: Sequence[Message]) -> int:
    """Estimate the input tokens of these messages: four bytes of English make one."""
    return math.ceil(sum(len(message["content"].encode()) for message in messages) / 4)


def server_of(base_url: str | None) -> str:
    """Normalise a base URL as `Judge.server` does: the address that replies are kept under."""
    return (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/") + "/"


@dataclass(kw_only=True)
class Judge:
    """A model on a server. The key is handed to the client and kept nowhere else."""

    model: str
    base_url: str | None = None
    key: str = field(repr=False)
    timeout: float = 60.0
    tries: int = 6
    first_wait: float = 0.5
    """Seconds before asking again; doubled each time, unless the server names its own."""
    patience: float = 120.0
    """At most how many seconds of waiting one question is worth."""
    _refused: set[str] = field(default_factory=set, init=False, repr=False)
    _accepted: set[str] = field(default_factory=set, init=False, repr=False)
    """What was sent with any call that was answered: then a refusal is about something else."""
    _client: openai.OpenAI = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the client, whose own retries are off: asking again is `slm.llm.ask`'s to decide."""
        key = self.key.strip()
        if not self.model.strip():
            raise BadInput("a judge needs the name of a model")
        if not key or not key.isascii() or not key.isprintable():
            raise BadInput("a judge needs a key: set OPENAI_API_KEY, or give one on the page")
        if self.base_url:
            parts = urlsplit(self.base_url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise BadInput("a judge's address must begin with http:// or https:// and a host")
            if parts.query or parts.username or parts.password:
                raise BadInput("a judge's address must hold no key, no password and no query")
        self._client = openai.OpenAI(
            api_key=key, base_url=self.server, max_retries=0, timeout=self.timeout
        )
        self.key = ""  # the client has it

    @property
    def price(self) -> Price | None:
        """The judge's price; None where it is unknown."""
        return prices().get(self.model)

    @property
    def server(self) -> str:
        """The server's address, under which replies are kept."""
        return server_of(self.base_url)

    @property
    def has_answered(self) -> bool:
        """Whether the server has answered any call of this judge."""
        return bool(self._accepted)

    def ask(
        self,
        messages: Sequence[Message],
        *,
        form: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Send one call and return its reply.

        With a `form` (see `messages.form`) an answer of that schema is requested, where the server
        supports it. Raises `Refused` where the server will not read this text, `BadInput` for what
        waiting does not mend (key, model name, malformed request), and `NoReply` where the server is
        silent, busy or broken.
        """
        sent: dict[str, Any] = {"max_tokens": ANSWER_TOKENS, "temperature": 0}
        if form is not None:
            sent["response_format"] = form
        if "max_tokens" in self._refused:
            sent["max_completion_tokens"] = ANSWER_TOKENS
        sent = {name: value for name, value in sent.items() if name not in self._refused}
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=list(messages),  # type: ignore[arg-type]  # plain dicts are what it sends
                **sent,
            )
        except openai.APIStatusError as error:
            if error.status_code in (400, 422) and self._can_do_without(sent, error):
                return self.ask(messages, form=form)
            raise self._refusal(error) from None
        except openai.APITimeoutError:
            line = f"{self.server} did not answer within {self.timeout:g} s"
            raise NoReply(line, perhaps_paid=True) from None
        except openai.APIConnectionError as error:
            if type(error.__cause__).__name__ == "ConnectError":  # httpx's, whichever it stands on
                raise NoReply(f"{self.server} cannot be reached") from None
            line = f"{self.server} broke off in the middle of an answer"
            raise NoReply(line, perhaps_paid=True) from None
        except (openai.APIError, ValueError):
            raise NoReply(f"{self.server} answered nonsense", perhaps_paid=True) from None
        if not getattr(answer, "choices", None) and getattr(answer, "error", None):
            # some relays answer 200 where a server behind them is busy
            raise NoReply(f"{self.server} answered with an error", perhaps_paid=True)
        self._accepted |= {"messages", *sent}
        reply = _reply(answer, messages)
        return replace(reply, text=self._without_key(reply.text))

    def _without_key(self, text: str) -> str:
        """Remove the API key from a server's text, which some repeat."""
        key = self._client.api_key
        return text if key == NO_KEY else text.replace(key, "(key)")

    def _can_do_without(self, sent: dict[str, Any], error: openai.APIStatusError) -> bool:
        """Remember the parameter that the server refuses: the one its error names, else the schema."""
        if _is_about_the_text(error):
            return False
        for name in ("max_tokens", "temperature", "response_format"):
            if name in sent and name in error.message:
                self._refused.add(name)
                return True
        if "response_format" in sent and "response_format" not in self._accepted:
            self._refused.add("response_format")
            return True
        return False

    def _refusal(self, error: openai.APIStatusError) -> BadInput | NoReply:
        status, said = error.status_code, self._words(error)
        if status in TEXT_REFUSALS and (self._accepted or _is_about_the_text(error)):
            return Refused(f"{self.server} refused this text ({status}): {said}")
        if status in (401, 403) and self._client.api_key == NO_KEY:
            return BadInput(f"no key was given, and {self.server} asks for one ({status}): {said}")
        if status in (401, 403):
            return BadInput(f"{self.server} refused the key ({status}): {said}")
        if status == 404:
            return BadInput(f"{self.server} knows no model {self.model!r} (404): {said}")
        if status == 429 and error.code == "insufficient_quota":
            return BadInput(f"{self.server} says that this key has no credit left (429)")
        if status in (408, 409, 429) or status >= 500:
            line = f"{self.server} answered {status}"
            return NoReply(line, wait=_wait(error.response.headers.get("retry-after", "")))
        return BadInput(f"{self.server} refused the request ({status}): {said}")

    def _words(self, error: openai.APIStatusError) -> str:
        """Return a server's error message in one short line."""
        body = error.body if isinstance(error.body, dict) else {}
        said = body.get("message")
        return self._without_key(" ".join(str(said or error.message).split()))[:200]


def _is_about_the_text(error: openai.APIStatusError) -> bool:
    """Return whether the server refuses this text, by code or in words."""
    said = f"{error.code} {error.message}".lower()
    return any(sign in said for sign in SIGNS_OF_A_REFUSED_TEXT)


def _wait(said: str) -> float | None:
    """Parse a Retry-After header, seconds or a date, to seconds; None where it is neither."""
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None


def _reply(answer: object, messages: Sequence[Message]) -> Reply:
    """Read the text and the usage; a body that is JSON but no completion has an empty text.

    A refusal is what the judge said, too.
    """
    choices = getattr(answer, "choices", None) or []
    message = (
        getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    )
    content = getattr(message, "content", None) or getattr(message, "refusal", None)
    text = content if isinstance(content, str) else ""
    usage = getattr(answer, "usage", None)
    read = getattr(usage, "prompt_tokens", None)
    written = getattr(usage, "completion_tokens", None)
    return Reply(
        text=text,
        input_tokens=read if isinstance(read, int) else likely_tokens(messages),
        output_tokens=written if isinstance(written, int) else math.ceil(len(text) / 4),
    )
