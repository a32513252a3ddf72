"""The head atlas: heads built by hand get their labels and no others, random heads get none."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.interp.heads import scores as head_scores_module
from slm.interp.heads.atlas import HeadAtlas, head_atlas, without_each
from slm.interp.heads.rows import make_rows
from slm.interp.heads.scores import head_scores, measure
from slm.interp.heads.targets import BY_TOKEN, HeadLabel, Rows
from slm.model.config import ModelConfig
from slm.model.hooked import hooked, run_with_hooks
from slm.model.weights import initialise
from slm.progress import Progress, result_of
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.conftest import write_corpus
from tests.interp import golden_heads


def atlas_of(checkpoint: Checkpoint) -> HeadAtlas:
    steps: list[Progress] = []
    atlas = result_of(head_atlas(checkpoint, stories=16), steps.append)
    shares = [step.share for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1
    return atlas


def confirmed(atlas: HeadAtlas, layer: int, head: int) -> list[str]:
    return [label.name for label in atlas.labels(layer, head) if label.confirmed]


@pytest.mark.parametrize(("distance", "name"), [(1, "previous token"), (3, "3 back")])
def test_a_head_built_to_look_back_is_called_so(
    tokenizer: Tokenizer, distance: int, name: str
) -> None:
    atlas = atlas_of(golden_heads.looks_back(tokenizer, distance))
    assert confirmed(atlas, 0, 0) == [name]
    assert atlas.labels(0, 1) == ()
    assert atlas.scores.profile[0, 0].argmax() == distance
    assert atlas.scores.profile[0, 0, distance] > 0.99


def test_a_head_built_to_find_duplicates_is_called_so(tokenizer: Tokenizer) -> None:
    atlas = atlas_of(golden_heads.finds_duplicates(tokenizer))
    assert confirmed(atlas, 0, 0) == ["duplicate token", "first token"]  # where nothing matches
    assert atlas.labels(0, 1) == ()


def test_an_induction_pair_is_found_in_both_its_layers(tokenizer: Tokenizer) -> None:
    atlas = atlas_of(golden_heads.completes_repeats(tokenizer))
    assert confirmed(atlas, 0, 0) == ["previous token"]
    assert set(confirmed(atlas, 1, 0)) >= {"induction", "induction in stories"}
    assert atlas.labels(0, 1) == () and atlas.labels(1, 1) == ()
    at = atlas.scores.kinds.index(HeadLabel.INDUCTION)
    assert atlas.scores.score.mean[1, 0, at] > 0.99
    assert atlas.scores.baseline.mean[1, 0, at] < 0.1
    assert atlas.effect.mean[1, 0, at] > 1  # nats: what repeats is known through this head alone


def pronoun_stories(count: int) -> list[str]:
    """Stories in each of which one pronoun stands now and then inside sentences, always the same."""
    draw = random.Random(0)
    found = []
    for number in range(count):
        who = ("she", "he", "they")[number % 3]
        subjects = [draw.choice((who, who, "our dog", "Amy", "kind Ben")) for _ in range(14)]
        verbs = [draw.choice(("ran", "sang", "sat", "slept", "jumped")) for _ in subjects]
        sentences = zip(subjects, verbs, strict=True)
        found.append(" ".join(f"Then {subject} {verb} home." for subject, verb in sentences))
    return found


def test_a_head_built_to_look_at_pronouns_is_called_so_on_stories_of_any_kind(
    tmp_path: Path,
) -> None:
    stories = pronoun_stories(60)
    corpus = write_corpus(tmp_path / "pronouns.txt", stories)
    golden = golden_heads.looks_at(Tokenizer.train(stories, 512), (" she", " he", " they"))
    atlas = result_of(head_atlas(golden, corpus=str(corpus), stories=16))
    assert atlas.scores.corpus == str(corpus) and "names" not in atlas.scores.kinds
    assert "pronoun" in confirmed(atlas, 0, 0)
    assert not {"determiner", "capital inside a sentence, again"} & set(confirmed(atlas, 0, 0))
    assert atlas.labels(0, 1) == ()
    at = 0, 0, atlas.scores.kinds.index("pronoun")
    assert atlas.scores.score.mean[at] > 0.8  # the rest goes to pronouns that look at themselves
    assert atlas.scores.baseline.mean[at] < 0.5


def test_words_are_meant_token_by_token_and_served_where_their_class_comes_again(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    text = " ".join(["Amy ran and Amy sang, and then she slept because they asked."] * 8)
    corpus = write_corpus(tmp_path / "one.txt", [text])
    rows = make_rows(checkpoint, corpus=str(corpus), stories=1, random=1)
    str_tokens = checkpoint.tokenizer.to_str_tokens(rows.tokens[0].tolist())
    kind = rows.kinds.index("conjunction")
    looked_at = np.flatnonzero(rows.targets[0, kind, -1])
    assert "".join(str_tokens[key] for key in looked_at).split() == [
        "and",
        "and",
        "because",
    ]  # what the row has room for
    for position in np.flatnonzero(rows.predicted_positions[0, kind]):
        assert any(word.startswith(str_tokens[position + 1]) for word in (" and", " because"))
    assert not rows.predicted_positions[
        0, kind, looked_at[0] - 1
    ]  # none was said before, so nothing can help
    assert rows.predicted_positions[0, kind].any()


def test_a_corpus_whose_stories_fill_no_row_is_refused(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "short.txt", ["The end came soon."])
    with pytest.raises(BadInput, match=r"no story of .*short\.txt has the 48 tokens"):
        head_scores(checkpoint, corpus=str(corpus))


def test_heads_of_an_untrained_model_get_no_label(checkpoint: Checkpoint) -> None:
    atlas = atlas_of(checkpoint)
    assert [atlas.labels(layer, head) for layer in range(2) for head in range(2)] == [()] * 4
    assert (
        np.abs(atlas.scores.difference.mean[~np.isnan(atlas.scores.difference.mean)]).max() < 0.05
    )


def test_what_is_too_rare_to_measure_is_not_a_number(checkpoint: Checkpoint) -> None:
    scores = head_scores(checkpoint, stories=4)
    previous = scores.kinds.index(HeadLabel.PREVIOUS)
    assert scores.rows[previous] == 4
    assert np.isnan(scores.score.mean[..., previous]).all()
    assert not scores.is_significant()[..., previous].any()


def test_a_context_that_is_too_short_to_look_back_in_is_refused(tokenizer: Tokenizer) -> None:
    config = ModelConfig(d_model=4, n_layers=1, n_heads=1, d_vocab=tokenizer.d_vocab, n_ctx=8)
    short = Checkpoint(
        address=Address("short", 0),
        config=config,
        weights=initialise(config, 0),
        tokenizer=tokenizer,
    )
    with pytest.raises(BadInput, match="at least 12 tokens, not 8"):
        head_scores(short)


def test_every_head_without_its_output_equals_one_hooked_run_each(checkpoint: Checkpoint) -> None:
    rows = make_rows(checkpoint, stories=8)
    mean_z = measure(checkpoint, rows).mean_z
    tokens = torch.from_numpy(rows.tokens[[0, 9]])
    model = hooked(checkpoint.weights)

    def losses(hooks: list[tuple[str, object]]) -> torch.Tensor:
        chances = run_with_hooks(model, tokens, hooks).log_softmax(-1)[:, :-1]
        return -chances.gather(-1, tokens[:, 1:, None])[..., 0]

    for number, cost in enumerate(without_each(checkpoint.weights, tokens.numpy(), mean_z)):
        layer, head = divmod(number, 2)

        def switch_off(z: torch.Tensor, hook: object, at: tuple[int, int] = (layer, head)) -> None:
            z[:, :, at[1]] = mean_z[at]

        expected = losses([(f"blocks.{layer}.attn.hook_z", switch_off)]) - losses([])
        assert cost == pytest.approx(expected.numpy(), abs=1e-4)
    assert number == 3


def test_a_distance_is_compared_with_those_around_it() -> None:
    looks = np.zeros((1, 1, 1, 8), dtype=np.float32)
    looks[..., 3] = 0.9
    near = head_scores_module._nearby(looks)[0, 0, 0]
    # distances 1 to 7 see the 0.9 among 8 (fewer at the ends) neighbours; distance 3 does not
    assert near[3] == 0
    assert near[0] == pytest.approx(0.9 / 4)
    assert near[5] == pytest.approx(0.9 / 6)


def one_target(kind: HeadLabel, pool: tuple[int, ...] = ()) -> Rows:
    """Two rows of six tokens; in the first, the token at 4 has the target 2 (and a pool)."""
    kinds = (*map(str, BY_TOKEN), str(HeadLabel.NAMES))
    size = (2, len(kinds), 6, 6)
    targets, distractors = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    at = kinds.index(kind)
    targets[0, at, 4, 2] = True
    distractors[0, at, 4, list(pool)] = True
    return Rows(
        corpus="none",
        kinds=kinds,
        stories=2,
        tokens=np.zeros((2, 6), dtype=np.int64),
        targets=targets,
        distractors=distractors,
        predicted_positions=np.zeros(size[:3], dtype=bool),
    )


def weights_of(rows: Rows, row: int, kind: HeadLabel) -> list[dict[tuple[int, int], float]]:
    """Where the weights of a kind lie: its score, then its two nulls."""
    found = rows.weights(slice(row, row + 1))[0]
    columns = found.reshape(3, len(rows.kinds), 6, 6)[:, rows.kinds.index(kind)]
    return [
        {(int(q), int(k)): float(column[q, k]) for q, k in np.argwhere(column)}
        for column in columns
    ]


def test_the_null_of_induction_is_what_the_neighbours_look_at() -> None:
    rows = one_target(HeadLabel.INDUCTION_STORIES)
    own, _, neighbours = weights_of(rows, 0, HeadLabel.INDUCTION_STORIES)
    assert own == {(4, 2): 1}
    assert neighbours == {(3, 2): 0.5, (5, 2): 0.5}


def test_the_null_of_names_is_any_noun_that_was_seen() -> None:
    own, _, shuffled = weights_of(one_target(HeadLabel.NAMES, pool=(1, 3)), 0, HeadLabel.NAMES)
    assert own == {(4, 2): 1}
    assert shuffled == pytest.approx({(4, 1): 1 / 3, (4, 2): 1 / 3, (4, 3): 1 / 3})


def test_the_other_null_asks_about_the_same_places_in_other_stories() -> None:
    rows = one_target(HeadLabel.DUPLICATE)
    own, places, _ = weights_of(rows, 1, HeadLabel.DUPLICATE)
    assert own == {}
    assert places == {(4, 2): 0.5}  # of four other rows each second is the first story


def test_targets_are_what_they_say(checkpoint: Checkpoint) -> None:
    rows = make_rows(checkpoint, stories=8, random=4)
    tokens, of = rows.tokens, rows.kinds.index
    for kind in (HeadLabel.DUPLICATE, HeadLabel.INDUCTION_STORIES, HeadLabel.INDUCTION):
        back = 1 if kind == HeadLabel.DUPLICATE else 0
        for row, query, key in np.argwhere(rows.targets[:, of(kind)]):
            before = key if back else key - 1
            assert tokens[row, before] == tokens[row, query]
            assert 1 <= before <= query - 2
    story, position = np.argwhere(rows.predicted_positions[:, of(HeadLabel.INDUCTION_STORIES)])[0]
    followed = rows.targets[story, of(HeadLabel.INDUCTION_STORIES), position]
    assert tokens[story, position + 1] in tokens[story, followed]
    assert (
        not rows.asked[:8, of(HeadLabel.INDUCTION)].any()
        and rows.asked[8:, of(HeadLabel.INDUCTION)].all()
    )
