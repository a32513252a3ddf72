"""Specify a training: one value that the page and `slm train` build, the queue keeps and a worker runs."""

from dataclasses import asdict, dataclass, field
from typing import Any

from slm.errors import BadInput
from slm.model.config import ModelConfig
from slm.reading import typed
from slm.recipe import Recipe
from slm.runs import Address, check_name
from slm.stories.instruct import fields_named
from slm.stories.sources import absolute, leaving_out
from slm.stories.tokenizer import check_vocabulary

MOST_MINUTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """A training of a new run called `name`.

    Exactly one of `config` and `parent` is given: a new model of that shape, whose vocabulary is learned
    from the corpus, or the address of a checkpoint whose weights, shape and tokenizer it begins with.
    `corpus` and `valid` (held out of the corpus where it is None) name stories as `slm train --corpus`
    does; their paths are made absolute. Instruct records that hold all fields of `without` are left out
    of both. With `minutes`, the recipe's `tokens` are replaced by what the
    device reads in that time. `device` is "auto", "cpu", "cuda" or "mps".
    """

    name: str
    config: ModelConfig | None = None
    parent: str | None = None
    corpus: str = "nursery"
    valid: str | None = None
    recipe: Recipe = field(default_factory=Recipe)
    minutes: float | None = None
    device: str = "auto"
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `BadInput` for a training that cannot be carried out on any machine."""
        check_name(self.name)
        if self.config is None and self.parent is None:
            raise BadInput("a training needs the shape of a new model, or a parent checkpoint")
        if self.config is not None and self.parent is not None:
            raise BadInput("a training with a parent has the parent's shape: leave out its own")
        if self.parent is not None:
            Address.parse(self.parent)
        if self.config is not None:
            check_vocabulary(self.config.d_vocab)
            if self.config.n_ctx < 2:
                raise BadInput(
                    "a context has at least 2 tokens, what opens a story and one more, "
                    f"not {self.config.n_ctx}"
                )
        if not self.corpus.strip():
            raise BadInput("a training needs a corpus of stories")
        if self.minutes is not None and not 0 < self.minutes < MOST_MINUTES:
            raise BadInput(
                f"minutes must be above 0 and below {MOST_MINUTES:,}, not {self.minutes}"
            )
        if self.without:
            object.__setattr__(self, "without", fields_named(self.without))
        object.__setattr__(self, "corpus", absolute(self.corpus))
        if self.valid is not None:
            object.__setattr__(self, "valid", absolute(self.valid))

    @property
    def train_source(self) -> str:
        """The corpus as it is opened, without the records that are left out."""
        return leaving_out(self.corpus, self.without)

    @property
    def valid_source(self) -> str | None:
        """The validation corpus as it is opened; None where it is held out of the corpus."""
        return None if self.valid is None else leaving_out(self.valid, self.without)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON, which `spec_from_json` reads."""
        return {"train": asdict(self)}


@dataclass(frozen=True, kw_only=True)
class ResumeSpec:
    """A run that goes on from the state it saved last, on any `device`.

    `corpus` and `valid` are where its stories lie now, None where they lie where they did.
    """

    name: str
    corpus: str | None = None
    valid: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raise `BadInput` for a name that no run can have."""
        check_name(self.name)
        for split in ("corpus", "valid"):
            if (given := getattr(self, split)) is not None:
                object.__setattr__(self, split, absolute(given))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON, which `spec_from_json` reads."""
        return {"resume": asdict(self)}


def spec_from_json(data: dict[str, Any], where: str) -> TrainingSpec | ResumeSpec:
    """Read what `to_json` returned; `BadInput` naming `where` and the first field that is wrong."""
    if "resume" in data:
        return typed(ResumeSpec, data["resume"], where)
    return typed(TrainingSpec, data.get("train"), where)
