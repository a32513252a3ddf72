"""The public surface of `slm`, for notebooks and scripts; `import slm` gives these names.

Each function and method is thin: it calls what the pages and the commands call and returns the same
value. What takes long takes `progress`, a function that is called with each `slm.progress.Progress`.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.comparing import comparison, reading
from slm.errors import BadInput, shown
from slm.generation.sampler import Completion, Sampling, complete
from slm.importing.detect import detect
from slm.interp import attention as attention_patterns
from slm.interp.heads import atlas
from slm.interp.neurons import build, index
from slm.interp.predictions import next_token
from slm.model.config import ModelConfig, named_shape
from slm.model.hooked import hooked
from slm.model.loss import Loss
from slm.progress import Progress, result_of
from slm.reading import typed
from slm.recipe import Recipe, named_recipe
from slm.runs import Address, Checkpoint, Run, list_runs, load_checkpoint, open_run
from slm.stories.tokenizer import Tokenizer
from slm.training.job import TrainingUpdate, run_training
from slm.training.options import DEFAULT_SHAPE
from slm.training.spec import ResumeSpec, TrainingSpec
from slm.training.validation import corpus_loss

if TYPE_CHECKING:
    from transformer_lens import HookedTransformer

__all__ = [
    "BadInput",
    "Model",
    "Run",
    "compare",
    "list_runs",
    "load_model",
    "open",
    "resume",
    "train",
]

OnProgress = Callable[[Progress], None]
OnTraining = Callable[[TrainingUpdate], None]


def _ignore(progress: Progress | TrainingUpdate) -> None:
    """Show nothing."""


class Model:
    """A model at one step of its training, ready to write stories and to be looked into.

    `slm.open` and `slm.load_model` make one. `checkpoint` holds its weights, for functions of `slm`
    that are not methods here.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def __repr__(self) -> str:
        return f"<slm.Model {self.address}, {self.config.shape}>"

    @property
    def address(self) -> Address:
        """The run and the step, which pages and commands take as `run@step`.

        >>> str(slm.open("one-layer@0").address)
        'one-layer@0'
        """
        return self.checkpoint.address

    @property
    def config(self) -> ModelConfig:
        """The shape, with TransformerLens' names.

        >>> slm.open("one-layer").config.n_layers
        1
        """
        return self.checkpoint.config

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer.

        >>> m = slm.open("one-layer")
        >>> m.tokenizer.to_str_tokens(m.tokenizer.encode_story("Tom ran."))
        ['<|endoftext|>', 'Tom', ' ran', '.']
        """
        return self.checkpoint.tokenizer

    @property
    def steps(self) -> list[int]:
        """The steps of its training that have a checkpoint; empty where it is no run.

        >>> slm.open("one-layer").steps[0]
        0
        """
        try:
            return open_run(self.address.run).steps
        except BadInput:
            return []

    def at(self, step: int) -> "Model":
        """Open the same run at another step; `BadInput` where it has no such checkpoint.

        >>> slm.open("one-layer").at(0)
        <slm.Model one-layer@0, 128x1x16>
        """
        return open(Address(self.address.run, step))

    def generate(
        self,
        prompt: str,
        *,
        temperature: float | int = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        max_tokens: int = 200,
        seed: int = 0,
    ) -> Completion:
        """Write on after `prompt`: at most `max_tokens` tokens; temperature 0 takes the likeliest.

        Raises `BadInput` for a prompt that does not fit the context, and for values that make no
        distribution.

        >>> story = slm.open("one-layer").generate("Once upon a", temperature=0, max_tokens=1)
        >>> story.text, story.stopped
        (' time', 'max tokens')
        """
        sampling = Sampling(
            temperature=float(temperature),
            top_k=top_k,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
        )
        return complete(self.checkpoint, [prompt], sampling)[0]

    def attention(self, text: str) -> attention_patterns.AttentionView:
        """Compute every head's attention pattern on `text`, [layer, head, query, key].

        Raises `BadInput` where the text is empty or does not fit the context.

        >>> slm.open("one-layer").attention("Tom ran.").pattern.shape
        (1, 16, 4, 4)
        """
        return attention_patterns.attention(self.checkpoint, text)

    def heads(
        self, *, corpus: str = "nursery", stories: int = 64, progress: OnProgress = _ignore
    ) -> atlas.HeadAtlas:
        """Label every head by what it attends to, and measure the loss (nats) when it is ablated.

        `corpus` is nursery (its roles) or any other (word classes), of which the first `stories` are
        read. Raises `BadInput` for a corpus that cannot be read.

        >>> found = slm.open("one-layer").heads(stories=4)
        >>> found.scores.score.mean.shape == (1, 16, len(found.scores.kinds))
        True
        """
        return result_of(
            atlas.head_atlas(self.checkpoint, corpus=corpus, stories=stories), progress
        )

    def neurons(
        self,
        corpus: str | None = None,
        *,
        progress: Callable[[build.IndexProgress], None] | None = None,
    ) -> index.Index:
        """Open the index of what activates each neuron: top examples, distribution, firing rate.

        With a `corpus` it is built first where it is not there yet, and kept with the run. Raises
        `BadInput` where there is none, and for a model that is no run.

        >>> neurons = slm.open("one-layer").neurons("shipped")
        >>> neurons.n_stories > 0
        True
        """
        if corpus is not None:
            for reached in build.build_index(self.checkpoint, corpus):
                if progress is not None:
                    progress(reached)
        return index.open_index(self.checkpoint)

    def predict(self, text: str) -> next_token.NextTokenPredictions:
        """Compute the next-token predictions at every position of `text`: surprisal, rank, top tokens.

        Raises `BadInput` where the text is empty or does not fit the context.

        >>> m = slm.open("one-layer")
        >>> found = m.predict("Once upon a time")
        >>> found.str_tokens[-1], int(found.rank[-1])
        (' time', 1)
        """
        return next_token.next_token_predictions(self.checkpoint, text)

    def score(self, corpus: str = "shipped") -> Loss:
        """Compute the loss on a corpus: its validation stories where it has some of its own.

        >>> loss = slm.open("one-layer").score()
        >>> 1 < loss.loss < 4  # nats per token
        True
        """
        return corpus_loss(self.checkpoint, corpus)[0]

    def hooked(self) -> "HookedTransformer":
        """Return the model as a TransformerLens HookedTransformer over the same weights.

        >>> slm.open("one-layer").hooked().cfg.n_heads
        16
        """
        return hooked(self.checkpoint.weights)


def open(address: str | Address, *, device: str = "cpu") -> Model:
    """Open a run at its last step, or at the one that `run@step` names.

    Raises `BadInput` naming the runs or steps there are.

    >>> slm.open("one-layer@0")
    <slm.Model one-layer@0, 128x1x16>
    """
    return Model(load_checkpoint(address, device))


def load_model(path: str | Path, *, tokenizer: str | None = None) -> Model:
    """Load another's model from a file, a folder or the Hugging Face hub, without making it a run.

    `tokenizer` is a path or hub id, for a model that brings none. Raises `BadInput` in one line for
    whatever is not read here; `slm import` lists what is.

    >>> slm.load_model("there/is/none.pt")
    Traceback (most recent call last):
    slm.errors.BadInput: there is nothing at there/is/none.pt
    """
    found = detect(str(path), tokenizer=tokenizer)
    return Model(
        Checkpoint(
            address=Address(f"({path})", 0),  # which no run can be called
            config=found.config,
            weights=found.read(),
            tokenizer=found.tokenizer,
        )
    )


def compare(
    a: Model | str,
    b: Model | str,
    *,
    corpus: str = "shipped",
    stories: int = 60,
    progress: OnProgress = _ignore,
) -> comparison.Comparison:
    """Compare two models on the same stories: losses, sentences, matched heads and neurons, CKA.

    Raises `BadInput` for a corpus that cannot be read.

    >>> found = slm.compare("one-layer@0", "one-layer", stories=2)
    >>> len(found.stories), found.heads.kind
    (2, 'heads')
    """
    first, second = (one if isinstance(one, Model) else open(one) for one in (a, b))
    work = comparison.compare(first.checkpoint, second.checkpoint, reading.read(corpus, stories))
    return result_of(work, progress)


def train(
    corpus: str | Path = "nursery",
    *,
    name: str,
    shape: str | ModelConfig | None = None,
    start_from: Model | str | None = None,
    recipe: str | Recipe = "muon",
    valid: str | Path | None = None,
    minutes: float | None = None,
    device: str = "auto",
    progress: OnTraining = _ignore,
    **hyperparameters: Any,
) -> Model:
    """Train a new run called `name` on stories, and open it at its last step.

    `corpus` and `valid` name stories as `slm train --corpus` does. `shape` is d_model x n_layers x
    n_heads, a preset's name or a `ModelConfig`; with `start_from` it is that checkpoint's. `recipe` is
    "muon", "paper" or a `Recipe`, in which `hyperparameters` replace fields, such as `tokens`, `batch`
    or `seed`; with `minutes`, `tokens` are as many as `device` reads in that time. `progress` is
    called after every step.

    Raises `BadInput` where the name is taken and for values that train nothing. An interrupt saves a
    checkpoint after the step in progress and is raised again; `slm.resume` goes on from there.

    >>> m = slm.train("nursery:40", name="tiny", shape="16x1x2", tokens=4_000, batch=2)
    >>> m.steps[-1]
    8
    """
    chosen = recipe if isinstance(recipe, Recipe) else named_recipe(recipe)
    known = [field.name for field in fields(Recipe)]
    if unknown := sorted(hyperparameters.keys() - set(known)):
        raise BadInput(f"a recipe has {', '.join(known)}, no {shown(unknown[0])}")
    if shape is None and start_from is None:
        shape = DEFAULT_SHAPE
    if shape is not None and not isinstance(shape, ModelConfig):
        shape = named_shape(str(shape))
    parent = start_from.address if isinstance(start_from, Model) else start_from
    asked = {
        "name": name,
        "config": None if shape is None else asdict(shape),
        "parent": None if parent is None else str(parent),
        "corpus": str(corpus),
        "valid": None if valid is None else str(valid),
        "recipe": asdict(chosen) | hyperparameters,
        "minutes": minutes,
        "device": device,
    }
    return _trained(typed(TrainingSpec, asked, "slm.train"), progress)


def resume(name: str, *, device: str = "auto", progress: OnTraining = _ignore) -> Model:
    """Go on with a run that was stopped, interrupted or failed, and open it at its last step.

    Raises `BadInput` where there is no such run or it was not trained here.

    >>> slm.resume("one-layer")  # which is finished
    <slm.Model one-layer@4883, 128x1x16>
    """
    return _trained(ResumeSpec(name=name, device=device), progress)


def _trained(spec: TrainingSpec | ResumeSpec, progress: OnTraining) -> Model:
    interrupted = threading.Event()
    updates = run_training(spec, stop=interrupted.is_set)
    for update in updates:  # the first comes once the corpus is read
        progress(update)
        with _interrupt_sets(interrupted):
            for update in updates:
                progress(update)
    if interrupted.is_set():
        raise KeyboardInterrupt
    return open(spec.name)


@contextlib.contextmanager
def _interrupt_sets(interrupted: threading.Event) -> Iterator[None]:
    """Let an interrupt set an event, once: a second one is raised. Only a main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        interrupted.set()
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
