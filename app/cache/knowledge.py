"""Cached continuations of knowledge prompts."""

from app.cache.checkpoints import of_checkpoint
from slm.knowledge.prompts import Prompt
from slm.knowledge.scoring import Answer
from slm.knowledge.scoring import ask as ask_model
from slm.runs import Checkpoint


@of_checkpoint(max_entries=64, waiting="Asking the model …")
def answers(checkpoint: Checkpoint, prompts: tuple[Prompt, ...]) -> tuple[Answer, ...]:
    """Complete each prompt and rate it by the rule; a person's verdicts are not included."""
    return ask_model(checkpoint, prompts)
