"""Claims and answers of lessons on a model: worked out once for all sessions, in threads."""

from app.cache.checkpoints import checkpoint
from app.cache.shared_work import shared_work
from slm.comparing.development import WordGroup
from slm.lessons.answers import GuessedAnswer, answer_of
from slm.lessons.claims import Checked, check
from slm.lessons.lesson import Guess
from slm.lessons.measures.learning import costs
from slm.lessons.views import View
from slm.progress import Progress, Steps
from slm.runs import list_runs


def _trained(*arguments: object) -> tuple[str, ...]:
    """Return the trained runs: some claims are about others than the shown one."""
    return tuple(run.name for run in list_runs() if run.last_step)


@shared_work(models=1, max_entries=128, also=_trained)
def checked(address: str, claim: str) -> Steps[Checked]:
    """Check whether a claim holds for a model."""
    yield Progress(doing="measuring it on this model", share=None)
    return check(checkpoint(address), claim)


@shared_work(models=1, max_entries=128, also=_trained)
def answered(address: str, guess: Guess, view: View | None) -> Steps[GuessedAnswer]:
    """Compute the answer to a guess on a model."""
    yield Progress(doing="asking the model", share=None)
    return answer_of(checkpoint(address), guess, view)


@shared_work(models=1, max_entries=8)
def learned_parts(address: str) -> Steps[dict[int, dict[WordGroup, float]]]:
    """Compute the loss in nats per word of each word group at every checkpoint up to this one."""
    return (yield from costs(checkpoint(address), seed=0))
