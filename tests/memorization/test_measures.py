"""Memorization: a model that knows twenty stories by heart lights up, one that knows none does not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.generation.sampler import Sampling
from slm.memorization.endings import SHORTEST_ENDING, choose, complete_all, cut, true_endings
from slm.memorization.kept import indexed
from slm.memorization.measures import Measures, measure
from slm.memorization.rouge import precision, words
from slm.memorization.study import MATTERS, Study, study
from slm.memorization.suffix_index import CopyIndex, build_copies, open_copies
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.progress import result_of
from slm.recipe import Recipe
from slm.runs import Address, Checkpoint, open_run
from slm.stats.bootstrap import mean_of_known
from slm.stories import nursery
from slm.stories.tokenizer import Tokenizer
from slm.training.trainer import Trainer
from tests.conftest import little_stories, write_corpus

FOREIGN = (
    "Zebras quietly juggle purple volcanoes beneath ancient silver telescopes." + " Zebras do."
)


@pytest.fixture
def index(corpus: Path) -> CopyIndex:
    for _ in build_copies(str(corpus)):
        pass
    found = open_copies(str(corpus))
    assert found is not None
    return found


@pytest.fixture
def masked(corpus: Path) -> CopyIndex:
    return result_of(indexed(str(corpus), masked=True))


def plain(text: str) -> list[str]:
    return [word.text for word in words(text)]


def test_a_story_is_cut_between_words() -> None:
    story = 'One day, Tom said, "Hi there!" and left the park.'
    assert cut(story, 0.4) == "One day, Tom said"
    assert cut("Hello there.", 0.1) == "Hello"
    with pytest.raises(BadInput, match="at least 2 words, not 1"):
        cut("Hello.")


def test_true_endings_of_the_corpus_are_copies_of_it(index: CopyIndex, masked: CopyIndex) -> None:
    found = measure(true_endings(little_stories(300)[:5]), index, masked)
    assert found.rouge_precision[2] == [1.0] * 5 and found.max_rouge2_precision == [1.0] * 5
    assert all(share == 1.0 for k in found.ngram_overlap for share in found.ngram_overlap[k])
    assert found.longest == [len(ending.words) for ending in true_endings(little_stories(300)[:5])]


def test_the_most_of_one_story_is_the_most_of_any(index: CopyIndex, masked: CopyIndex) -> None:
    story = "Tom had a kite. " + little_stories(300)[7] + " The end, said the zebra to the kite."
    (most,) = measure(true_endings([story]), index, masked).max_rouge2_precision
    (ending,) = true_endings([story])
    all_stories = [plain(other) for other in little_stories(300)]
    assert most == max(precision(ending.words, other, 2) or 0 for other in all_stories)
    assert most is not None and 0 < most < 1


def test_a_text_foreign_to_the_corpus_shares_nothing(index: CopyIndex, masked: CopyIndex) -> None:
    found = measure(true_endings([FOREIGN]), index, masked)
    assert found.max_rouge2_precision == [0.0] and found.longest == [0] and found.copies == [[]]
    assert found.ngram_overlap[1] == [0.0] and found.rouge_precision[8] is not None


def test_an_interval_is_wider_for_fewer_endings() -> None:
    few, many = mean_of_known([0.0, 1.0] * 4), mean_of_known([0.0, 1.0, None] * 200)
    assert few is not None and many is not None and mean_of_known([None]) is None
    assert few.mean == many.mean == 0.5 and many.n == 400
    assert few.high - few.low > many.high - many.low


def test_twenty_stories_learned_by_heart_light_up(tmp_path: Path) -> None:
    learned = [nursery.story(5, number).text[:420] + "." for number in range(20)]
    others = [nursery.story(6, number).text[:420] + "." for number in range(20)]
    corpus = str(write_corpus(tmp_path / "twenty.txt", learned))
    for _ in build_copies(corpus):
        pass
    index = open_copies(corpus)
    assert index is not None
    masked = result_of(indexed(corpus, masked=True))
    tokenizer = Tokenizer.train(learned, 512)
    config = ModelConfig(d_model=64, n_layers=2, n_heads=4, d_vocab=tokenizer.d_vocab, n_ctx=192)
    rows = torch.full((len(learned), 129), tokenizer.end)
    for row, story in zip(rows, learned, strict=True):
        ids = tokenizer.encode_story(story)[:129]
        row[: len(ids)] = torch.tensor(ids)

    def checkpoint(steps: int) -> Checkpoint:
        weights = initialise(config, 0)
        trainer = Trainer(weights, Recipe())
        for _ in range(steps):
            trainer.step(rows, 1.0)
        return Checkpoint(
            address=Address("x", steps), config=config, weights=weights, tokenizer=tokenizer
        )

    sampling = Sampling(temperature=0.0, max_tokens=60)
    by_heart, fresh = checkpoint(120), checkpoint(0)
    for model, on, low, high in (
        (by_heart, learned, 0.7, 1.0),
        (by_heart, others, 0.0, 0.4),
        (fresh, learned, 0.0, 0.1),
    ):
        found = mean_of_known(
            measure(result_of(complete_all(model, on, sampling)), index, masked).rouge_precision[2]
        )
        assert (found is None and low == 0) or (found is not None and low <= found.mean <= high)
    control = result_of(study(by_heart, index, masked, others, stories=20, sampling=sampling))
    assert control.more_than_unseen().low > MATTERS
    assert control.verdict().startswith("It writes more of the true ending")


def test_the_same_stories_are_chosen_again(index: CopyIndex, checkpoint: Checkpoint) -> None:
    roomy = replace(checkpoint, config=replace(checkpoint.config, n_ctx=500))
    once, again, other = (choose(index, [roomy], 5, seed=seed) for seed in (1, 1, 2))
    assert once == again != other
    assert len(choose(index, [roomy], 500)) == len(index) == 300


def test_only_stories_are_chosen_whose_beginning_leaves_every_model_room_for_an_ending(
    index: CopyIndex, checkpoint: Checkpoint
) -> None:
    tokenizer = checkpoint.tokenizer
    given = sorted(len(tokenizer.encode_story(cut(story))) for story in index.stories())
    middle = given[len(given) // 2]
    small = replace(checkpoint, config=replace(checkpoint.config, n_ctx=middle + SHORTEST_ENDING))
    chosen = choose(index, [checkpoint, small], 500)
    assert 0 < len(chosen) < 300
    assert all(len(tokenizer.encode_story(cut(story))) <= middle for story in chosen)
    unseen = [f"Tom had {thing} and the cake. Tom was happy. The end." for thing in "aeio"]
    found = study(small, index, index, unseen, stories=3, sampling=Sampling(max_tokens=5))
    assert len(result_of(found).endings["trained"]) == 3
    tiny = replace(checkpoint, config=replace(checkpoint.config, n_ctx=8))
    with pytest.raises(BadInput, match="must leave 8 tokens of a context of 8: none is so"):
        choose(index, [tiny], 5)


def told(trained: list[float], unseen: list[float]) -> Study:
    """A study of which only the first measure is known."""
    nothing = Measures(
        rouge_precision={},
        max_rouge2_f=[],
        ngram_overlap={},
        max_rouge2_precision=[],
        longest=[],
        copies=[],
        templates=[],
    )
    sides = {"trained": trained, "unseen": unseen}
    return Study(
        endings={},
        measures={
            kind: replace(nothing, rouge_precision={2: [value for value in values]})
            for kind, values in sides.items()
        },
    )


def test_no_difference_is_never_told_without_the_one_that_could_have_been_seen() -> None:
    draw = np.random.default_rng(0)
    wide, narrow = (draw.beta(1, 9, size=(2, count)).tolist() for count in (30, 3000))
    cannot = told(*wide).verdict()
    assert cannot.startswith("Whether it writes more") and "cannot be told" in cannot
    detectable = told(*wide).more_than_unseen().detectable
    assert f"a difference below {detectable:.3f} would not have been seen" in cannot
    no_more = told(*narrow).verdict()
    bound = told(*narrow).more_than_unseen().high
    assert no_more.startswith("It writes no more") and f"than {bound:.3f}." in no_more
    more = told([value + 0.05 for value in narrow[0]], narrow[1]).verdict()
    assert more.startswith("It writes more of the true ending")
    assert all("four times in five" in said for said in (cannot, no_more, more))


def test_what_is_called_detectable_is_seen_four_times_in_five() -> None:
    draw, seen = np.random.default_rng(1), 0
    detectable = told(*draw.normal(0, 0.1, (2, 200)).tolist()).more_than_unseen().detectable
    assert detectable == pytest.approx(2.8 * 0.1 * (2 / 200) ** 0.5, rel=0.15)
    for _ in range(100):
        trained, unseen = draw.normal(0, 0.1, (2, 200))
        found = told((trained + detectable).tolist(), unseen.tolist()).more_than_unseen()
        seen += found.low > 0
    assert 68 <= seen <= 92


def test_a_study_says_how_much_more_it_writes_of_what_it_saw(
    checkpoint: Checkpoint, index: CopyIndex, masked: CopyIndex
) -> None:
    unseen = [nursery.story(1, number).text[:120] + "." for number in range(4)]
    found = result_of(
        study(checkpoint, index, masked, unseen, stories=3, sampling=Sampling(max_tokens=20))
    )
    assert {kind: len(written) for kind, written in found.endings.items()} == {
        "trained": 3,
        "unseen": 3,
        "people": 3,
    }
    more = found.more_than_unseen()
    assert more.low <= more.mean <= more.high
    assert found.measures["people"].rouge_precision[2] == [1.0] * 3
    with pytest.raises(BadInput, match="must not stand in the corpus"):
        result_of(
            study(checkpoint, index, masked, little_stories(9), stories=2, sampling=Sampling())
        )


def test_the_command_tells_all_measures(
    checkpoint: Checkpoint, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unseen = [nursery.story(1, number).text[:120] + "." for number in range(6)]
    valid = write_corpus(tmp_path / "valid.txt", unseen)
    arguments = ["memorize", "tiny", "--corpus", str(corpus), "--valid", str(valid)]
    assert main([*arguments, "--stories", "4", "--max-tokens", "16", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stories"] == {"trained": 4, "unseen": 4, "people": 4}
    more = told["trained_minus_unseen"]
    assert more["detectable"] == 0 and "cannot be told: all 4 endings" in told["verdict"]
    assert told["people"]["rouge_precision"]["2"]["mean"] == 1.0
    assert set(told["trained"]) == {
        "rouge_precision",
        "max_rouge2_f",
        "ngram_overlap",
        "max_rouge2_precision",
        "longest",
        "template_copies",
    }
    assert told["people"]["template_copies"] == 0
    (kept,) = open_run("tiny").memorization_path.glob("study-*.json")
    before = kept.stat().st_mtime_ns
    assert main([*arguments, "--stories", "4", "--max-tokens", "16", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told and kept.stat().st_mtime_ns == before
    assert main([*arguments, "--stories", "4", "--max-tokens", "16", "--steps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"studies": [told]}  # it has one checkpoint
    assert main([*arguments, "--stories", "0"]) == 2
    assert main(["memorize", "tiny", "--corpus", str(corpus)]) == 2
    assert "--valid" in capsys.readouterr().err


def test_novelty_of_people_is_told_beside_every_temperature(
    checkpoint: Checkpoint, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unseen = [nursery.story(1, number).text[:120] + "." for number in range(4)]
    valid = write_corpus(tmp_path / "valid.txt", unseen)
    arguments = ["novelty", "tiny", "--corpus", str(corpus), "--valid", str(valid), "--steps"]
    sizes = ["--stories", "3", "--max-tokens", "12", "--temperatures", "0,1"]
    assert main([*arguments, *sizes, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["address"], one["temperature"]) for one in told["points"]] == [
        ("tiny@0", 0.0),
        ("tiny@0", 1.0),
    ]
    gaps = told["points"][1]["minus_people"]
    assert set(gaps["2"]) == {"mean", "low", "high", "n", "detectable"}
    own, theirs = told["points"][1]["new"]["1"]["mean"], told["people"]["1"]["mean"]
    assert gaps["1"]["mean"] == pytest.approx(own - theirs)
    rising = [told["people"][str(k)]["mean"] for k in (1, 2, 3)]
    assert 0 < rising[0] <= rising[1] <= rising[2] <= 1  # a new word makes every run with it new
    assert main([*arguments, "--temperatures", "warm"]) == 2


def test_copies_of_any_text_come_with_their_story(
    checkpoint: Checkpoint, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Zebras sing. " + little_stories(300)[7]
    assert main(["copies", "--text", text, "--corpus", str(corpus), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["copies"][0]["source"] == little_stories(300)[7]
    assert told["copies"][0]["length"] == told["words"] - 2
    assert main(["copies", "--corpus", str(corpus)]) == 2
    assert main(["copies", "tiny", "--corpus", str(corpus)]) == 0
