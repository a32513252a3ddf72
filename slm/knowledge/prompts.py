"""Knowledge prompts: openings with right, almost right and wrong answers."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Literal, get_args

import yaml

from slm.errors import BadInput, shown
from slm.yaml_files import read_yaml

PromptKind = Literal["fact", "reasoning", "context"]
Verdict = Literal["right", "almost", "wrong"]
KINDS: tuple[PromptKind, ...] = get_args(PromptKind)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MOST_PROMPTS = 500


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A beginning, and the words that tell what its continuation knows."""

    kind: PromptKind
    prompt: str
    right: tuple[str, ...]
    almost: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `BadInput` where it could not be asked or answered."""
        if not self.prompt.strip():
            raise BadInput("a prompt must not be empty")
        if not self.right:
            raise BadInput(f"a prompt needs at least one right answer: {self.prompt[:60]!r}")
        listed = [answer.lower() for answer in (*self.right, *self.almost, *self.wrong)]
        if not all(re.search(r"\w", answer) for answer in listed) or len(set(listed)) < len(listed):
            raise BadInput(f"answers are words, each listed once: {self.prompt[:60]!r}")


@cache
def shipped() -> tuple[Prompt, ...]:
    """Read the prompts that ship with the package."""
    text = resources.files("slm.knowledge").joinpath("knowledge.yaml").read_text(encoding="utf-8")
    return parse_prompts("knowledge.yaml", text)


def parse_prompts(name: str, text: str) -> tuple[Prompt, ...]:
    """Parse prompts from YAML (or JSON): a list of `kind prompt right almost wrong`.

    Raises `BadInput` for anything else, for none, and for one that comes twice.
    """
    found = read_yaml(name, text)
    if not isinstance(found, list) or not 0 < len(found) <= MOST_PROMPTS:
        raise BadInput(f"{name} must hold a list of 1 to {MOST_PROMPTS} prompts")
    prompts = tuple(_prompt(name, number, item) for number, item in enumerate(found, 1))
    if len({prompt.prompt for prompt in prompts}) < len(prompts):
        raise BadInput(f"{name} holds a prompt twice")
    return prompts


def _prompt(name: str, number: int, item: object) -> Prompt:
    where = f"prompt {number} of {name}"
    if not isinstance(item, dict) or not isinstance(item.get("prompt"), str):
        raise BadInput(f"{where} needs a text `prompt`")
    answers: dict[str, tuple[str, ...]] = {}
    for part in VERDICTS:
        listed = item.get(part) or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise BadInput(f"{where}: `{part}` must be a list of texts (quote yes and no)")
        answers[part] = tuple(one.strip() for one in listed)
    kind = kind_of(item.get("kind"))
    return Prompt(kind=kind, prompt=item["prompt"].strip(), **answers)


def kind_of(name: object) -> PromptKind:
    """Return the prompt kind called `name`; `BadInput` where there is none."""
    for kind in KINDS:
        if kind == name:
            return kind
    raise BadInput(f"a prompt's kind is {', '.join(KINDS)}, not {shown(name)}")


def prompts_yaml(prompts: Sequence[Prompt]) -> str:
    """Write prompts as a file that `parse_prompts` reads."""
    items = [
        {name: list(value) if isinstance(value, tuple) else value for name, value in one.items()}
        for one in map(asdict, prompts)
    ]
    return str(yaml.safe_dump(items, allow_unicode=True, sort_keys=False, width=100))
