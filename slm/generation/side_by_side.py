"""Completions of one opening by several models, as in Figures 6 to 8 of the TinyStories paper.

Eldan and Li (2023), "TinyStories: How Small Can Language Models Be and Still Speak Coherent
English?", https://arxiv.org/abs/2305.07759
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from slm.errors import BadInput
from slm.generation.sampler import Completion, Sampling, complete
from slm.progress import Progress, Steps
from slm.runs import Address, Run, list_runs, load_checkpoint, resolve

TEMPERATURES = (0.0, 1.0)
"""The most probable story, and one drawn from the model's own distribution."""
SPREAD = 5
"""How many models `spread` returns at most."""


@dataclass(frozen=True, kw_only=True)
class ModelCompletions:
    """A model's completions, one a temperature. `val_loss` in nats per token; None where unknown."""

    address: str
    shape: str
    parameters: int
    vocabulary: int
    val_loss: float | None
    completions: tuple[Completion, ...]


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Completions of one prompt by several models, at the same temperatures."""

    prompt: str
    temperatures: tuple[float, ...]
    sampling: Sampling
    models: tuple[ModelCompletions, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the settings, and each model's completions by temperature."""
        return {
            "prompt": self.prompt,
            "sampling": {
                name: value
                for name, value in asdict(self.sampling).items()
                if name not in ("temperature", "alternatives")
            },
            "models": [
                {
                    "address": model.address,
                    "shape": model.shape,
                    "parameters": model.parameters,
                    "vocabulary": model.vocabulary,
                    "val_loss": model.val_loss,
                    "completions": [
                        {
                            "temperature": temperature,
                            "text": one.text,
                            "tokens": list(one.tokens),
                            "stopped": one.stopped,
                        }
                        for temperature, one in zip(
                            self.temperatures, model.completions, strict=True
                        )
                    ],
                }
                for model in self.models
            ],
        }


def complete_side_by_side(
    addresses: Sequence[str],
    prompt: str,
    sampling: Sampling,
    temperatures: Sequence[float] = TEMPERATURES,
) -> Steps[SideBySide]:
    """Complete one prompt with each model at each temperature, all with the same seed.

    Raises `BadInput` where no model or temperature is given, one is given twice, or the prompt does
    not fit a context.
    """
    for what, given in (("model", tuple(addresses)), ("temperature", tuple(temperatures))):
        if not given:
            raise BadInput(f"completions side by side need at least one {what}")
        if len(set(given)) < len(given):
            raise BadInput(f"each {what} is given once, not as in {', '.join(map(str, given))}")
    settings = [replace(sampling, temperature=at, alternatives=0) for at in temperatures]
    readers = [load_checkpoint(address) for address in addresses]
    models = []
    for number, checkpoint in enumerate(readers):
        address = checkpoint.address
        yield Progress(share=number / len(readers), doing=f"{address} writes")
        run, step = resolve(address)
        losses = [line.val_loss for line in run.metrics() if line.step == step]
        models.append(
            ModelCompletions(
                address=str(address),
                shape=checkpoint.config.shape,
                parameters=run.info.parameters,
                vocabulary=checkpoint.config.d_vocab,
                val_loss=next((loss for loss in losses if loss is not None), None),
                completions=tuple(complete(checkpoint, [prompt], one)[0] for one in settings),
            )
        )
    return SideBySide(
        prompt=prompt,
        temperatures=tuple(temperatures),
        sampling=sampling,
        models=tuple(models),
    )


def spread(address: str, most: int = SPREAD) -> list[str]:
    """Choose checkpoints of several sizes to show beside one another, the smallest first.

    They are `address` itself and last checkpoints of other runs, spread evenly over their parameter
    counts: of runs with its tokenizer and training corpus, and where there are none, of any run.
    """
    run, step = resolve(address)
    own = str(Address(run.name, step))
    others = [other for other in list_runs() if other.name != run.name and other.steps]
    same = [other for other in others if _trained_on(other) == _trained_on(run)]
    sizes = {str(Address(one.name, one.last_step)): one.info.parameters for one in same or others}
    sizes[own] = run.info.parameters
    ordered = sorted(sizes, key=lambda one: (sizes[one], one))
    if len(ordered) <= most:
        return ordered
    last = len(ordered) - 1
    places = [round(place * last / (most - 1)) for place in range(most)]
    nearest = min(range(most), key=lambda place: abs(places[place] - ordered.index(own)))
    places[nearest] = ordered.index(own)
    return [ordered[place] for place in sorted(set(places))]


def _trained_on(run: Run) -> tuple[object, object]:
    """Return the hashes of the run's training corpus and tokenizer."""
    return run.info.corpus.get("train_hash"), run.info.corpus.get("tokenizer_hash")
