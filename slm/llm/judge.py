"""A judge behind an OpenAI-compatible server: asked once a call, and its price is known beforehand."""

import json
import math
import os
import re
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import openai

from slm.errors import BadInput
from slm.llm import refusals
from slm.llm.completions import NoCompletion, read_completion
from slm.llm.messages import Message, Reply
from slm.llm.prices import Price, prices
from slm.llm.refusals import TEXT_REFUSALS

ANSWER_TOKENS, MOST_ANSWER_TOKENS, FEWEST_ANSWER_TOKENS = 400, 32_768, 50
"""No answer may be longer, so that the worst case of every call is known before it is sent.

The first is what judges begin with; what ended there without an answer is asked for with more.
"""
RAISED = 4
"""By so much the limit is raised: thoughts take some thousand tokens."""

NO_KEY = "none"
"""What is sent where nobody gave a key: a server of one's own may need none."""

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
    """A model on a server. The key is handed to the client and kept nowhere else.

    `answer_tokens` is the longest answer that is asked for; `raise_limit` raises it.
    """

    model: str
    base_url: str | None = None
    key: str = field(repr=False)
    timeout: float = 60.0
    tries: int = 6
    first_wait: float = 0.5
    """Seconds before asking again; doubled each time, unless the server names its own."""
    patience: float = 120.0
    """At most how many seconds of waiting one question is worth."""
    answer_tokens: int = ANSWER_TOKENS
    _refused: set[str] = field(default_factory=set, init=False, repr=False)
    _accepted: set[str] = field(default_factory=set, init=False, repr=False)
    """What was sent with any call that was answered: then a refusal is about something else."""
    _client: openai.OpenAI = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the client, whose own retries are off: asking again is `slm.llm.ask`'s to decide."""
        key = self.key.strip()
        if not self.model.strip():
            raise BadInput("a judge needs the name of a model")
        if not key or not key.isascii() or not key.isprintable():
            raise BadInput("a judge needs a key: set OPENAI_API_KEY, or give one on the page")
        if not FEWEST_ANSWER_TOKENS <= self.answer_tokens <= MOST_ANSWER_TOKENS:
            raise BadInput(
                f"an answer has {FEWEST_ANSWER_TOKENS} to {MOST_ANSWER_TOKENS} tokens at most, not "
                f"{self.answer_tokens}"
            )
        check_address(self.base_url)
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

    @property
    def has_structured_output(self) -> bool | None:
        """Whether the server took a schema; None where none was sent and answered."""
        if "response_format" in self._refused:
            return False
        return True if "response_format" in self._accepted else None

    def raise_limit(self, above: int) -> bool:
        """Raise the limit of an answer's tokens above one that was too low; False at the highest."""
        with self._lock:
            if self.answer_tokens <= above:
                self.answer_tokens = min(RAISED * above, MOST_ANSWER_TOKENS)
            return self.answer_tokens > above

    def ask(
        self,
        messages: Sequence[Message],
        *,
        form: Mapping[str, Any] | None = None,
        limit: int | None = None,
        must_limit: bool = False,
    ) -> Reply:
        """Send one call and return its reply, of at most `limit` tokens (else `answer_tokens`).

        With a `form` (see `messages.form`) an answer of that schema is requested, where the server
        supports it; a schema or a parameter is given up on any refusal that may be about it. Raises
        `Refused` where the server will not read this text, `BadInput` for what waiting does not mend
        (key, model name, path, malformed request; a server that takes no limit where it `must_limit`),
        and `NoReply` where the server is silent, busy or broken, or answers no completion.
        """
        limit = self.answer_tokens if limit is None else limit
        doubted: set[str] = set()
        while True:
            sent = self._parameters(form, limit, self._refused | doubted)
            if must_limit and not sent.keys() & {"max_tokens", "max_completion_tokens"}:
                raise BadInput(
                    f"{self.server} takes no limit on an answer's tokens, so a cap cannot be kept"
                )
            try:
                reply = self._send(messages, sent)
            except openai.APIStatusError as error:
                if refusals.is_too_much(error) and limit > FEWEST_ANSWER_TOKENS:
                    limit //= 2
                elif name := refusals.parameter_named(error, sent):
                    self._refused.add(name)
                elif name := refusals.parameter_doubted(error, sent, self._accepted | doubted):
                    doubted.add(name)
                else:
                    raise self._refusal(error) from None
                continue
            self._refused |= doubted
            self._accepted |= {"messages", *sent}
            return replace(reply, text=self._without_key(reply.text))

    def models(self) -> list[str]:
        """List the names of the models that the server has. Raises as `ask` does."""
        try:
            raw = self._client.models.with_raw_response.list()
            data = json.loads(raw.http_response.text)
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except openai.APIConnectionError as error:
            raise self._silence(error) from None
        except (openai.APIError, ValueError, RecursionError):
            raise BadInput(f"{self.server} lists no models{self._hint()}") from None
        listed = data.get("data", data.get("models")) if isinstance(data, dict) else data
        if not isinstance(listed, list):
            raise BadInput(f"{self.server} lists no models{self._hint()}")
        names = (one.get("id") or one.get("name") for one in listed if isinstance(one, dict))
        return [name for name in names if isinstance(name, str)]

    @staticmethod
    def _parameters(
        form: Mapping[str, Any] | None, limit: int, without: Collection[str]
    ) -> dict[str, Any]:
        """Return what is sent beside the messages."""
        sent: dict[str, Any] = {"max_tokens": limit, "temperature": 0}
        if form is not None:
            sent["response_format"] = form
        if "max_tokens" in without:
            sent["max_completion_tokens"] = limit
        return {name: value for name, value in sent.items() if name not in without}

    def _send(self, messages: Sequence[Message], sent: Mapping[str, Any]) -> Reply:
        """Send one request and read the body of its answer."""
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=list(messages),  # type: ignore[arg-type]  # plain dicts are what it sends
                **sent,
            )
            body = raw.http_response.text
        except openai.APIStatusError:
            raise
        except openai.APIConnectionError as error:
            raise self._silence(error) from None
        except (openai.APIError, ValueError):
            raise NoReply(f"{self.server} answered nonsense", perhaps_paid=True) from None
        try:
            return read_completion(
                body, raw.headers.get("content-type", ""), likely_tokens(messages)
            )
        except NoCompletion as none:
            said = self._without_key(str(none))
            if refusals.is_about_the_path(said):
                raise BadInput(f"{self.server} {said}{self._hint()}") from None
            raise NoReply(f"{self.server} {said}{self._hint()}", perhaps_paid=True) from None

    def _silence(self, error: openai.APIConnectionError) -> NoReply:
        """Say why a server gave no answer at all."""
        if isinstance(error, openai.APITimeoutError):
            line = f"{self.server} did not answer within {self.timeout:g} s"
            return NoReply(line, perhaps_paid=True)
        if type(error.__cause__).__name__ == "ConnectError":  # httpx's, whichever it stands on
            return NoReply(f"{self.server} cannot be reached")
        return NoReply(f"{self.server} broke off in the middle of an answer", perhaps_paid=True)

    def _without_key(self, text: str) -> str:
        """Remove the API key from a server's text, which some repeat."""
        key = self._client.api_key
        return text if key == NO_KEY else text.replace(key, "(key)")

    def _hint(self) -> str:
        """Say that an address has no version in its path, where that may be what is wrong."""
        return "" if has_version(self.server) else f"; most addresses end in /v1: {self.server}v1"

    def _refusal(self, error: openai.APIStatusError) -> BadInput | NoReply:
        status, said = error.status_code, self._without_key(refusals.words(error))
        page = refusals.is_web_page(error.response.text)
        if status in (401, 402, 403) and page:
            return BadInput(f"a page before {self.server} refuses this machine ({status}): {said}")
        about_text = refusals.is_about_the_text(error)
        if status in TEXT_REFUSALS and about_text:
            return Refused(f"{self.server} refused this text ({status}): {said}")
        if status in (400, 401, 403, 404, 422) and refusals.is_about_the_model(said):
            return BadInput(f"{self.server} has no model {self.model!r} for you ({status}): {said}")
        if status in TEXT_REFUSALS and self._accepted and not refusals.is_about_the_key(said):
            return Refused(f"{self.server} refused this text ({status}): {said}")
        if status in (401, 403) and self._client.api_key == NO_KEY:
            return BadInput(f"no key was given, and {self.server} asks for one ({status}): {said}")
        if status in (401, 403):
            return BadInput(f"{self.server} refused the key ({status}): {said}")
        if status == 402:
            return BadInput(f"{self.server} asks for payment ({status}): {said}")
        if status in (404, 405):
            if page or refusals.is_about_the_path(said):
                line = f"nothing answers under {self.server}chat/completions ({status}): {said}"
            else:
                line = (
                    f"{self.server} has no model {self.model!r}, or no such path ({status}): {said}"
                )
            return BadInput(line + self._hint())
        if status == 429 and error.code == "insufficient_quota":
            return BadInput(f"{self.server} says that this key has no credit left (429)")
        if status in (408, 409, 425, 429) or status >= 500:
            line = f"{self.server} answered {status}: {said}"
            return NoReply(line, wait=_wait(error.response.headers))
        return BadInput(f"{self.server} refused the request ({status}): {said}")


def check_address(base_url: str | None) -> None:
    """Raise `BadInput` for an address that can be no server's, or that holds a secret."""
    if not base_url:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("a judge's address must begin with http:// or https:// and a host")
    if parts.query or parts.username or parts.password:
        raise BadInput("a judge's address must hold no key, no password and no query")


def has_version(base_url: str) -> bool:
    """Return whether an address names a version of the protocol in its path, as /v1 does."""
    return bool(re.search(r"/v\d\w*(?:/|$)", urlsplit(base_url).path))


def _wait(headers: Mapping[str, str]) -> float | None:
    """Parse Retry-After, seconds or a date (or milliseconds under its other name), to seconds."""
    said = headers.get("retry-after", "")
    for text, unit in ((headers.get("retry-after-ms", ""), 1e-3), (said, 1.0)):
        with suppress(ValueError):
            return max(0.0, float(text) * unit)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None
