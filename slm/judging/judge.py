"""A judge behind an OpenAI-compatible server: asks, waits, asks again, and knows what it costs."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import openai

from slm.errors import BadInput
from slm.judging.protocol import RESPONSE_FORMAT, Message

ANSWER_TOKENS = 400
"""No answer may be longer, so that the worst case of every call is known before it is sent."""
RETRIES = 5
TIMEOUT_SECONDS = 60.0


class Unavailable(OSError):
    """The judge could not be asked, after several tries. What it answered before is kept."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars for a call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back, and how many tokens the server says it took."""

    text: str
    input_tokens: int
    output_tokens: int


@cache
def prices() -> dict[str, Price]:
    """The price table that ships, `prices.toml`, which anyone may edit."""
    text = resources.files("slm.judging").joinpath("prices.toml").read_text(encoding="utf-8")
    return {name: Price(input=i, output=o) for name, (i, o) in tomllib.loads(text).items()}


def worst_tokens(messages: Sequence[Message]) -> int:
    """At most how many input tokens these messages take: no token is shorter than one byte."""
    return sum(len(message["content"].encode()) + 16 for message in messages)


def likely_tokens(messages: Sequence[Message]) -> int:
    """About how many input tokens these messages take: four bytes of English make one."""
    return math.ceil(sum(len(message["content"].encode()) for message in messages) / 4)


@dataclass(kw_only=True)
class Judge:
    """A model on a server. The key is handed to the client and kept nowhere else."""

    model: str
    base_url: str | None = None
    key: str = field(repr=False)
    timeout: float = TIMEOUT_SECONDS
    _structured: bool = field(default=True, init=False, repr=False)
    _client: openai.OpenAI = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the client; it waits and asks again on 429 and 5xx, as long as the server says."""
        if not self.model.strip():
            raise BadInput("a judge needs the name of a model")
        if not self.key.strip() or not self.key.isascii():
            raise BadInput("a judge needs a key: set OPENAI_API_KEY, or give one on the page")
        self._client = openai.OpenAI(
            api_key=self.key.strip(),
            base_url=self.base_url or None,
            max_retries=RETRIES,
            timeout=self.timeout,
        )
        self.key = ""  # the client has it

    @property
    def price(self) -> Price | None:
        """What it costs; None where that is unknown."""
        return prices().get(self.model)

    @property
    def where(self) -> str:
        """The server's address."""
        return str(self._client.base_url)

    def ask(self, messages: Sequence[Message], *, grades: bool) -> Reply:
        """Send one call. With `grades`, a structured answer is asked for where the server can.

        Raises `BadInput` for what no waiting mends (key, model name, malformed request), and
        `Unavailable` where the server stays silent, busy or broken.
        """
        extra: dict[str, Any] = {}
        if grades and self._structured:
            extra["response_format"] = RESPONSE_FORMAT
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=list(messages),  # type: ignore[arg-type]  # plain dicts are what it sends
                max_tokens=ANSWER_TOKENS,
                temperature=0,
                **extra,
            )
        except openai.BadRequestError as error:
            if extra and "response_format" in str(error):
                self._structured = False
                return self.ask(messages, grades=grades)
            raise BadInput(f"{self.where} refused the request: {_line(error)}") from None
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise BadInput(f"{self.where} refused the key ({error.status_code})") from None
        except openai.NotFoundError:
            raise BadInput(f"{self.where} knows no model {self.model!r} (404)") from None
        except openai.APIStatusError as error:
            raise Unavailable(
                f"{self.where} answered {error.status_code} {RETRIES + 1} times; try again later"
            ) from None
        except openai.APITimeoutError:
            raise Unavailable(
                f"{self.where} did not answer within {self.timeout:g} s, {RETRIES + 1} times"
            ) from None
        except openai.APIConnectionError:
            raise Unavailable(f"{self.where} cannot be reached") from None
        except openai.APIError as error:
            raise Unavailable(f"{self.where} answered nonsense: {_line(error)}") from None
        except ValueError:  # half a body
            raise Unavailable(f"{self.where} broke off in the middle of an answer") from None
        return _reply(answer, messages)


def _reply(answer: Any, messages: Sequence[Message]) -> Reply:
    choices = getattr(answer, "choices", None)
    text = (choices[0].message.content or "") if choices else ""
    usage = getattr(answer, "usage", None)
    return Reply(
        text=text,
        input_tokens=usage.prompt_tokens if usage else likely_tokens(messages),
        output_tokens=usage.completion_tokens if usage else math.ceil(len(text) / 4),
    )


def _line(error: openai.APIError) -> str:
    return " ".join(error.message.split())[:200]
