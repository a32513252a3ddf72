"""Work that a lesson does while one waits: at most two minutes, with progress, and cancelled by close()."""

from collections.abc import Callable, Generator

from slm.files import write_text
from slm.lessons.measures.trainings import CATS, DOGS, without_dogs
from slm.model.config import ModelConfig
from slm.progress import Progress
from slm.recipe import Recipe
from slm.runs import list_runs, runs_dir
from slm.stories import nursery
from slm.stories.tokenizer import END
from slm.training.job import run_training
from slm.training.spec import ResumeSpec, TrainingSpec

STORIES, SEED = 4000, 7
TOKENS = 1_200_000
"""That each of two models reads: about a minute on one thread."""
SHAPE = ModelConfig(d_model=64, n_layers=2, n_heads=4, d_vocab=1024, n_ctx=128)


def two_trainings() -> Generator[Progress, None, None]:
    """Train a model on nursery stories, and another on the same with a cat for every dog.

    What was trained before stays and is gone on with where it was stopped.
    """
    cats = runs_dir() / ".lessons" / "cats.txt"
    if not cats.exists():
        yield Progress(doing="making every dog a cat", share=0.0)
        texts = (without_dogs(story.text) for story in nursery.stories(STORIES, seed=SEED))
        cats.parent.mkdir(parents=True, exist_ok=True)
        write_text(cats, f"\n{END}\n".join(texts) + f"\n{END}\n")
    corpora = {DOGS: f"nursery:{STORIES}:{SEED}", CATS: str(cats)}
    there = {run.name: run.status for run in list_runs()}
    for number, (name, corpus) in enumerate(corpora.items()):
        if there.get(name) == "finished":
            continue
        if name in there:
            spec: TrainingSpec | ResumeSpec = ResumeSpec(name=name)
        else:
            recipe = Recipe(tokens=TOKENS, checkpoints=4, precision="float32")
            spec = TrainingSpec(name=name, config=SHAPE, corpus=corpus, recipe=recipe)
        updates = run_training(spec, stop=lambda: False)
        yield Progress(doing=f"reading the stories of {name}", share=number / 2)
        for update in updates:
            share = (number + update.step / update.steps) / 2
            yield Progress(doing=f"training {name}, loss {update.loss:.2f}", share=share)


WORKS: dict[str, Callable[[], Generator[Progress, None, None]]] = {"two trainings": two_trainings}
"""Every piece of work by the name that a lesson calls it."""
