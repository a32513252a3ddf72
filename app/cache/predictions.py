"""Cached predictions, attention, attribution and ablation."""

import numpy as np
from jaxtyping import Float

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shipped import shipped_stories
from slm.generation.fitting import story_that_fits
from slm.generation.sampler import Sampling
from slm.interp import attention as attention_lens
from slm.interp.attention import AttentionView
from slm.interp.predictions import next_token as prediction_lens
from slm.interp.predictions import patching as patching_lens
from slm.interp.predictions.ablation import HeadAblation, Replacement, ablate_heads
from slm.interp.predictions.attribution import Attribution, attribute
from slm.interp.predictions.intervention import Regeneration, parse_interventions, regenerate
from slm.interp.predictions.logit_lens import LogitLens
from slm.interp.predictions.logit_lens import logit_lens as logit_lens_of
from slm.interp.predictions.next_token import NextTokenPredictions
from slm.interp.self_checks import Check, check
from slm.interp.self_checks import facts as facts_of
from slm.runs import Checkpoint


def to_str_tokens(address: str, tokens: tuple[int, ...]) -> list[str]:
    """Return the printable strings of tokens."""
    return checkpoint(address).tokenizer.to_str_tokens(tokens)


@of_checkpoint(max_entries=32, waiting="Reading the story …")
def attention(checkpoint: Checkpoint, text: str) -> AttentionView:
    """Compute every head's attention pattern on `text`."""
    return attention_lens.attention(checkpoint, text)


@of_checkpoint(max_entries=64, waiting="Reading the story …")
def next_token_predictions(checkpoint: Checkpoint, text: str) -> NextTokenPredictions:
    """Compute the next-token predictions along `text`."""
    return prediction_lens.next_token_predictions(checkpoint, text)


@of_checkpoint(max_entries=32, waiting="Asking every layer …")
def logit_lens(checkpoint: Checkpoint, tokens: tuple[int, ...]) -> LogitLens:
    """Apply the logit lens along `tokens`."""
    return logit_lens_of(checkpoint, tokens)


@of_checkpoint(max_entries=64, waiting="Taking the prediction apart …")
def attribution(
    checkpoint: Checkpoint, tokens: tuple[int, ...], foil: int | None = None
) -> Attribution:
    """Attribute the logit of the last of `tokens` (minus that of `foil`) to parts."""
    return attribute(checkpoint, tokens[:-1], tokens[-1], foil)


@of_checkpoint(max_entries=64, waiting="Switching off every head …")
def without_heads(
    checkpoint: Checkpoint, tokens: tuple[int, ...], replacement: Replacement
) -> HeadAblation:
    """Compute the ablation effect of each head on the last of `tokens`."""
    return ablate_heads(checkpoint, tokens, replacement)


@of_checkpoint(max_entries=64, waiting="Reading both stories …")
def log_prob_drop(checkpoint: Checkpoint, text: str, other: str) -> Float[np.ndarray, "pos"]:
    """Compute the drop in log-probability (nats) of each token of `text` after reading `other`."""
    return patching_lens.log_prob_drop(checkpoint, *patching_lens.aligned(checkpoint, text, other))


@of_checkpoint(max_entries=32, waiting="Writing the story both ways …")
def regenerated(
    checkpoint: Checkpoint, prompt: str, interventions: str, sampling: Sampling
) -> Regeneration:
    """Write a story with the model as it is, and with interventions."""
    return regenerate(checkpoint, prompt, parse_interventions(interventions), sampling)


@of_checkpoint(max_entries=16, waiting="Checking …")
def checks(checkpoint: Checkpoint) -> list[Check]:
    """Run the self-checks of a model."""
    story = story_that_fits([checkpoint], next(iter(shipped_stories().values())))
    return check(checkpoint, story.text)


@of_checkpoint(max_entries=16, waiting="Counting …")
def facts(checkpoint: Checkpoint) -> dict[str, str]:
    """Describe a model: its parameters by part, and hashes."""
    return facts_of(checkpoint)
