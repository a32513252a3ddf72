"""Runs in which all that a person, a corpus, a model, a judge or a server may write is hostile text."""

import json
from pathlib import Path
from typing import Any

import torch

from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Metric, Run, RunInfo
from slm.stories import shipped
from slm.stories.tokenizer import Tokenizer
from tests.conftest import little_stories, write_corpus
from tests.grading.keeping import keep

ELSEWHERE = "http://127.0.0.1:9"
"""Where nothing answers, and what no page may ask."""
PIECES = (
    "1. zqa",
    "**zqb** ",
    f"![zqc]({ELSEWHERE}/c.png)",
    "<b>zqd</b>",
    f'<a href="{ELSEWHERE}/e">zqe</a>',
    f'<img src="{ELSEWHERE}/f">zqf',
    ":material/home: zqg",
    ":red[zqh]",
    "&lt;zqi&gt;",
    "\u202ezqj",
    "zqk\u200bzql",
    "\x1b[31mzqm",
    "zqn\u2028zqo",
    "$zqp$ zqq$",
    "-> zqr",
    f" [zqs]({ELSEWHERE}/s) ",
    "www.zqt.example ",
    "%{y}zqu",
)
"""Each is a token of the model's, too. Every `zq` and a letter marks a place in the text."""
TEXT = "".join(PIECES)
NAME = "".join(piece for piece in PIECES if "/" not in piece)
"""As much of it as a file may be called."""
CORPUS, JUDGES = f"{NAME}.txt", (TEXT, f"{TEXT} again")


def make_hostile_runs(root: Path, tokenizer: Tokenizer) -> None:
    """`tiny`, of which every text is `TEXT`, and two folders that can't be opened."""
    tokenizer = _with_tokens(tokenizer)
    config = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=512)
    run = Run(root / "tiny")
    tokenizer.save(run.path / "tokenizer.json")
    stories = [f"{story} {TEXT} {story}" for story in little_stories(40)]
    (root.parent / "corpora").mkdir()
    corpus = write_corpus(root.parent / "corpora" / CORPUS, stories)
    unseen = write_corpus(root.parent / "corpora" / "unseen.txt", little_stories(40, seed=1))
    run.write_info(
        RunInfo(
            config=config,
            status="failed",
            message=TEXT,
            command=TEXT,
            machine=TEXT,
            created=TEXT,
            versions={TEXT: TEXT},
            parent=TEXT,
            recipe={"tokens": 10_000, "seed": 0},
            corpus={
                "train": str(corpus),
                "valid": str(unseen),
                "stories": 41,
                "cleaning": {"read": 60, "kept": 41},
            },
            imported={"kind": TEXT, "source": TEXT, "notes": [TEXT]},
        )
    )
    for step in (0, 10):
        weights = initialise(config, step)
        with torch.no_grad():
            weights.W_E[-len(PIECES) :] *= 4  # these are what neurons promote
            weights.b_U[-len(PIECES) :] += 6.0  # and what it writes
        run.save_checkpoint(weights, step)
        run.add_metric(
            Metric(
                step=step,
                tokens=step * 1000,
                seconds=float(step),
                train_loss=6.0 - step / 10,
                val_loss=6.0 - step / 10,
                val_bits_per_byte=2.0 - step / 20,
            )
        )
        run.add_samples([{"step": step, "prompt": TEXT, "text": TEXT, "stopped": TEXT}])
    _grade(GradeStore(run.grades_path))
    for name, status in (("broken", TEXT), (NAME, "new")):
        (root / name).mkdir()
        says = {"config": config.to_json(), "status": status}
        (root / name / "run.json").write_text(json.dumps(says), encoding="utf-8")


def _with_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with `PIECES` as its last tokens."""
    made_of = json.loads(tokenizer.to_json())
    made_of["added_tokens"] += [
        {
            "id": tokenizer.d_vocab + number,
            "content": piece,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": False,
        }
        for number, piece in enumerate(PIECES)
    ]
    return Tokenizer.from_json(json.dumps(made_of))


def _grade(store: GradeStore) -> None:
    """Grades of each kind for each checkpoint by two judges, and verdicts between them by one."""
    graded = '{"grammar": 7, "creativity": 5, "consistency": 6, "plot": 4, "age_group": "C"}'
    for index, opening in enumerate(shipped.openings()[:2]):
        for address, other in (("tiny@0", "tiny@10"), ("tiny@10", "tiny@0")):
            place: dict[str, Any] = {"address": address, "opening": opening, "opening_index": index}
            own = f"{TEXT} {address}"
            for number, reply in enumerate((graded, graded, TEXT, None)):
                item = Item(**place, completion=f"{own} {number}", completion_index=number)
                for judge in JUDGES:
                    _keep(store, item, judge, reply)
            pair = Item(
                **place,
                completion=own,
                completion_index=0,
                kind="pair",
                other=f"{TEXT} {other}",
                other_address=other,
            )
            _keep(store, pair, JUDGES[0], '{"better": "first"}')


def _keep(store: GradeStore, item: Item, judge: str, reply: str | None) -> None:
    if reply is None:
        keep(store, item, judge, TEXT, assessment=None, refusal=TEXT)
    else:
        keep(store, item, judge, TEXT, assessment=TEXT, grade=reply)
