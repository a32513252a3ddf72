"""Servers that speak OpenAI's protocol: the usual ones, and what answers under an address."""

from collections.abc import Sequence
from dataclasses import dataclass

from slm.errors import BadInput
from slm.llm.judge import Judge, NoReply, has_version
from slm.llm.messages import Unreadable, form
from slm.llm.reply_reader import objects_alone, read_object, without_thoughts

SHOWN = 8
"""So many names of models are told in a line."""
TEST_TOKENS = 400
TEST_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A usual server; `local` ones are on one's own machine and need no key."""

    name: str
    base_url: str
    local: bool = False


PRESETS: tuple[Preset, ...] = (
    Preset(name="Ollama", base_url="http://127.0.0.1:11434/v1", local=True),
    Preset(name="llama.cpp", base_url="http://127.0.0.1:8080/v1", local=True),
    Preset(name="LM Studio", base_url="http://127.0.0.1:1234/v1", local=True),
    Preset(name="vLLM", base_url="http://127.0.0.1:8000/v1", local=True),
    Preset(name="OpenAI", base_url="https://api.openai.com/v1"),
    Preset(name="OpenRouter", base_url="https://openrouter.ai/api/v1"),
    Preset(name="Anthropic", base_url="https://api.anthropic.com/v1"),
    Preset(name="Gemini", base_url="https://generativelanguage.googleapis.com/v1beta/openai"),
    Preset(name="Mistral", base_url="https://api.mistral.ai/v1"),
    Preset(name="Groq", base_url="https://api.groq.com/openai/v1"),
    Preset(name="DeepSeek", base_url="https://api.deepseek.com/v1"),
    Preset(name="Together", base_url="https://api.together.xyz/v1"),
)
"""Addresses as each server documents them; the local ones with the port that each begins with."""


@dataclass(frozen=True, kw_only=True)
class ServerTest:
    """What answers under an address.

    `models` are the names that it lists; None where it lists none. `answers`: whether the model
    answered a short question, and `structured_output` whether it kept to a schema; None where it was
    not asked. `problem` is why it did not answer.
    """

    server: str
    model: str
    models: tuple[str, ...] | None
    answers: bool | None = None
    structured_output: bool | None = None
    thinks: bool = False
    problem: str = ""

    @property
    def line(self) -> str:
        """Say it in one line."""
        if self.problem and self.models is None:
            return self.problem
        parts = [f"{self.server} lists {_listed(self.models)}"]
        if self.problem:
            parts.append(self.problem)
        elif self.answers:
            does = {True: "does", False: "does not do", None: "may do"}[self.structured_output]
            thinks = ", and thinks before it answers" if self.thinks else ""
            parts.append(f"{self.model} answers and {does} structured output{thinks}")
        return "; ".join(parts)


def resolve_server(name: str | None) -> str | None:
    """Return the address of a preset's name, or an address as it is."""
    if not name:
        return None
    known = {_key(preset.name): preset.base_url for preset in PRESETS}
    return known.get(_key(name), name)


def probe_server(model: str, base_url: str | None, key: str) -> ServerTest:
    """Ask what answers under an address: its models, and one short question with a schema.

    Listing models costs nothing; the question takes some hundred tokens at most. Raises `BadInput`
    for an address or key that cannot be one.
    """
    judge = Judge(
        model=model.strip() or "none",
        base_url=base_url,
        key=key,
        timeout=TEST_SECONDS,
        tries=1,
        answer_tokens=TEST_TOKENS,
    )
    models, silent = _models(judge)
    found = ServerTest(server=judge.server, model=model.strip(), models=models, problem=silent)
    if models is None and not has_version(judge.server):
        with_version = Judge(
            model=judge.model, base_url=f"{judge.server}v1", key=key, timeout=TEST_SECONDS
        )
        if (there := _models(with_version)[0]) is not None:
            problem = f"{judge.server} has no version; {with_version.server} lists {_listed(there)}"
            return ServerTest(server=judge.server, model=model, models=None, problem=problem)
    if silent.endswith("cannot be reached") or not found.model:
        return found
    question = 'How much is 2 + 3? Answer with one JSON object and nothing else: {"sum": 1}'
    try:
        reply = judge.ask(
            [{"role": "user", "content": question}], form=form("sum", {"sum": {"type": "number"}})
        )
    except (BadInput, NoReply) as error:
        return ServerTest(server=judge.server, model=found.model, models=models, problem=str(error))
    kept_to_it = objects_alone(without_thoughts(reply.text)) is not None
    still_thinks = reply.is_cut and isinstance(read_object(reply.text), Unreadable)
    took_schema = bool(judge.has_structured_output)
    return ServerTest(
        server=judge.server,
        model=found.model,
        models=models,
        answers=True,
        structured_output=None if still_thinks and took_schema else took_schema and kept_to_it,
        thinks=still_thinks or without_thoughts(reply.text) != reply.text,
    )


def _models(judge: Judge) -> tuple[tuple[str, ...] | None, str]:
    """Return the names of a server's models, or why there are none."""
    try:
        return tuple(judge.models()), ""
    except (BadInput, NoReply) as error:
        return None, str(error)


def _listed(models: Sequence[str] | None) -> str:
    if models is None:
        return "no models"
    if not models:
        return "no model (none is loaded)"
    more = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
    return f"{len(models)} model{'s' * (len(models) != 1)}: {', '.join(models[:SHOWN])}{more}"


def _key(name: str) -> str:
    return name.casefold().replace(" ", "").replace(".", "")
