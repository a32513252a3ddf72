"""The index: exactly the true extremes and spreads; what is stopped goes on; what is stale says so."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.interp.neurons import build as neuron_build
from slm.interp.neurons.activations import KEPT, activations
from slm.interp.neurons.build import build_index
from slm.interp.neurons.index import Index, index_of, index_path, open_index
from slm.interp.neurons.search import by_place, by_token, most_selective, rarest
from slm.interp.neurons.tally import SAME_WORDS
from slm.model.hooked import hooked, run_with_cache
from slm.model.weights import initialise
from slm.runs import Checkpoint, open_run
from tests.conftest import little_stories, write_corpus
from tests.damage import complaints
from tests.interp.conftest import with_gates


def built(checkpoint: Checkpoint, corpus: Path) -> Index:
    for _ in build_index(checkpoint, str(corpus)):
        pass
    return open_index(checkpoint)


def test_a_neuron_built_for_park_is_found_by_its_token_its_place_and_its_rarity(
    park_neuron: Checkpoint, corpus: Path
) -> None:
    index = built(park_neuron, corpus)
    hit = by_token(index, park_neuron, " park")[0]
    assert (hit.layer, hit.neuron, hit.count, hit.token) == (0, 7, KEPT, " park")
    with pytest.raises(BadInput, match="must be one token"):
        by_token(index, park_neuron, " park and garden")
    tokens = park_neuron.tokenizer.encode_story("Amy went to the park with the kite.")
    (park,) = park_neuron.tokenizer.encode(" park")
    here = {
        (f.layer, f.neuron): f for f in by_place(index, park_neuron, tokens, tokens.index(park))
    }
    assert here[0, 7].above == pytest.approx(index.fires[0, 7])
    assert (0, 7) in {(found.layer, found.neuron) for found in most_selective(index, park_neuron)}
    fires = [found.fires for found in rarest(index, park_neuron, k=128)]
    assert fires == sorted(fires) and index.fires[0, 7] in fires


def test_its_firing_rate_is_the_tokens_frequency_and_its_percentiles_are_two_values(
    park_neuron: Checkpoint, corpus: Path
) -> None:
    index = built(park_neuron, corpus)
    (park,) = park_neuron.tokenizer.encode(" park")
    frequency = float((np.asarray(index.ids) == park).mean())
    assert 0.004 < frequency < 0.02
    assert index.fires[0, 7] == pytest.approx(frequency, abs=1e-12)
    # LayerNorm makes of (1, -1, 0 …) of width 16 the vector (2.83, -2.83, 0 …): 5.66 - 1 enters GELU
    on = 2 * (1 / (2 / 16 + 1e-5)) ** 0.5 - 1
    low, middle, high = index.percentiles(0, 7, (0.001, 0.5, 1 - frequency / 2))
    assert high == pytest.approx(on, abs=(on + 0.125) / 32)
    assert low == pytest.approx(-1, abs=1.125 / 32) and middle == pytest.approx(-1, abs=1.125 / 32)
    assert index.highest[0, 7] == pytest.approx(on, rel=1e-3)


def test_the_lowest_places_are_those_that_inhibit_most(park_neuron: Checkpoint) -> None:
    """Neuron 7 is at -5.66 - 0.75 on " park" and at -0.75, GELU's lowest point, on all else."""
    block = park_neuron.weights.blocks[0]
    block.W_in[0, 7], block.W_in[1, 7], block.b_in[7] = -1.0, 1.0, -0.75
    index = index_of(park_neuron, little_stories(120), "little")
    (park,) = park_neuron.tokenizer.encode(" park")
    inhibited = -2 * (1 / (2 / 16 + 1e-5)) ** 0.5 - 0.75
    assert index.lowest[0, 7] == pytest.approx(inhibited, rel=1e-3)
    lowest = index.top(park_neuron, 0, 7, strongest=False)
    assert [one.str_tokens[one.position] for one in lowest[:5]] == [" park"] * 5
    assert lowest[0].value == pytest.approx(inhibited, rel=1e-3)
    assert abs(lowest[0].activation) < 1e-6  # above the -0.17 of the places that inhibit less
    frequency = float((np.asarray(index.ids) == park).mean())
    low, middle = index.percentiles(0, 7, (frequency / 2, 0.5))
    assert low == pytest.approx(inhibited, abs=abs(inhibited) / 31)
    assert middle == pytest.approx(-0.75, abs=0.03)
    values = index.lowest.copy()
    assert index.share_above(values)[0, 7] == 1  # nothing is lower
    values[0, 7] = -0.75
    assert index.share_above(values)[0, 7] == pytest.approx(1 - frequency)


def test_a_gated_model_is_ranked_by_its_activation(checkpoint: Checkpoint) -> None:
    gated = with_gates(checkpoint)
    stories = little_stories(30)
    index = index_of(gated, stories, "little")
    name = "blocks.1.mlp.hook_post"
    tokens = [gated.tokenizer.encode_story(story) for story in stories]
    posts = []
    for ids in tokens:
        _, cache = run_with_cache(hooked(gated.weights), torch.tensor([ids]), [name])
        posts.append(cache[name][0])
    post = torch.cat(posts).numpy()
    assert index.lowest[1] == pytest.approx(post.min(0), abs=1e-4) and post.min() < -0.2
    assert index.fired[1] == pytest.approx((post > 0).sum(0), abs=1)
    for share in (0.05, 0.5):  # below -0.2 as above
        found = np.array([index.percentiles(1, neuron, [share])[0] for neuron in range(64)])
        true = np.quantile(post, share, axis=0)
        assert np.all(np.abs(found - true) <= (abs(true) + 0.125) / 32 + 2e-2)


def test_only_places_where_a_neuron_fires_tell_what_it_keeps_to(park_neuron: Checkpoint) -> None:
    """Two places fire; the eighteen others of its list are at -1, whatever their token is."""
    stories = ["Tom saw a dog. It was red.", "Amy went to the park.", "Ben ran to the park."]
    elsewhere = [story for story in little_stories(60) if "park" not in story]
    index = index_of(park_neuron, [*stories, *elsewhere], "a few")
    hit = by_token(index, park_neuron, " park")[0]
    assert (hit.layer, hit.neuron, hit.count) == (0, 7, 2)
    tokens = index.top_tokens()[0, 7]
    (park,) = park_neuron.tokenizer.encode(" park")
    assert tokens.tolist() == [park] * 2 + [-1] * (KEPT - 2)


def test_a_neuron_that_nothing_excites_is_dead(checkpoint: Checkpoint, corpus: Path) -> None:
    block = checkpoint.weights.blocks[1]
    block.W_in[:, 5], block.b_in[5] = 0.0, -1.0
    block.W_in[:, 6], block.b_in[6] = 0.0, -100.0  # GELU of it is -0.0 exactly
    index = built(checkpoint, corpus)
    assert {(1, 5), (1, 6)} <= set(index.dead())
    assert index.fires[1, 5] == index.fires[1, 6] == 0
    assert len(index.dead(threshold=1e9)) == index.fired.size
    assert not {(1, 5), (1, 6)} & {(f.layer, f.neuron) for f in rarest(index, checkpoint, k=500)}


def test_the_index_keeps_the_true_extremes_and_spread_of_every_neuron(
    checkpoint: Checkpoint, corpus: Path
) -> None:
    index = built(checkpoint, corpus)
    tokens = [checkpoint.tokenizer.encode_story(story) for story in little_stories(300)]
    acts = [
        story
        for first in range(0, 300, 50)
        for story in activations(checkpoint, tokens[first : first + 50])
    ]
    for layer, neuron in ((0, 0), (0, 63), (1, 3), (1, 40)):
        for side, sign in ((0, 1), (1, -1)):
            best: dict[tuple[int, ...], float] = {}
            for ids, story in zip(tokens, acts, strict=True):
                along = sign * story[layer, :, neuron]
                at = int(along.argmax())
                words = tuple(ids[max(0, at + 1 - SAME_WORDS) : at + 1])
                best[words] = max(best.get(words, -99.0), float(along[at]))
            true = sorted(best.values(), reverse=True)[:KEPT]
            kept = sign * index.value[side, layer, neuron]
            assert kept[: len(true)] == pytest.approx(true, abs=1e-4)
            assert np.all(index.story[side, layer, neuron, len(true) :] == -1)
    every = torch.cat(acts, 1).numpy()
    assert index.fired == pytest.approx((every > 0).sum(1), abs=1)
    shares = (0.01, 0.25, 0.5, 0.75, 0.99)
    for layer, neuron in ((0, 0), (1, 3)):
        found = np.array(index.percentiles(layer, neuron, shares))
        true = np.quantile(every[layer, :, neuron], shares)
        assert np.all(np.abs(found - true) <= (abs(true) + 0.125) / 32 + 1e-3)
    values = every[:, 77]
    above = index.share_above(values)
    assert np.all(above >= (every >= values[:, None]).mean(1))
    width = (abs(values[:, None]) + 0.125) / 31
    assert np.all(above <= (every >= values[:, None] - width).mean(1))
    assert np.all(index.share_above(index.highest + 1) == 0)
    example = index.top(checkpoint, 1, 3, k=4, strongest=False)[0]
    assert example.value == pytest.approx(float(index.value[1, 1, 3, 0]), abs=1e-5)


def test_padding_is_never_an_example_and_the_ends_of_a_story_can_be(
    checkpoint: Checkpoint,
) -> None:
    index = index_of(checkpoint, ["Tom.", *little_stories(30), "Amy went"], "a few")
    lengths = np.diff(index.starts)
    there = index.story >= 0
    assert np.all(index.position[there] < lengths[index.story[there]])
    positions, stories = index.position[there], index.story[there]
    assert np.any(positions == 0) and np.any(positions == lengths[stories] - 1)


def test_the_same_words_fill_no_list(park_neuron: Checkpoint) -> None:
    """Forty stories that differ only after their park: one place, not twenty."""
    stories = [f"Tom went to the park. It was number {number}." for number in range(40)]
    index = index_of(park_neuron, stories, "alike")
    assert (index.story[0, 0, 7] >= 0).sum() == 1


def test_identical_stories_are_read_once(checkpoint: Checkpoint, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "twice.txt", little_stories(30) * 3)
    assert built(checkpoint, corpus).n_stories == 30


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty stories at once, and the tally saved after each forty."""
    monkeypatch.setattr(neuron_build, "STORIES_AT_ONCE", 40)
    monkeypatch.setattr(neuron_build, "SAVED_EVERY", -1.0)


def test_a_building_that_was_killed_ends_with_the_same_bytes(
    checkpoint: Checkpoint, corpus: Path, small_steps: None, tmp_path: Path
) -> None:
    folder = index_path(checkpoint)
    building = build_index(checkpoint, str(corpus))
    for _ in range(4):
        reading = next(building)
    assert reading.stories == 120
    part = folder.with_name(f".{folder.name}.part")
    shutil.copytree(part, tmp_path / "killed")  # what the disk holds if it dies now
    for _ in building:
        pass
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "killed", part)
    with (part / "tokens.bin").open("ab") as file:
        file.write(b"half written")
    first, *_ = build_index(checkpoint, str(corpus))
    assert first.stories == 120
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    assert not part.exists()


def test_a_cancelled_building_goes_on_and_a_built_one_is_not_built_again(
    checkpoint: Checkpoint, corpus: Path, small_steps: None
) -> None:
    building = build_index(checkpoint, str(corpus))
    next(building)
    next(building)
    building.close()
    with pytest.raises(BadInput, match="no neuron index of tiny@0 yet"):
        open_index(checkpoint)
    readings = [reading.stories for reading in build_index(checkpoint, str(corpus))]
    assert readings[0] == 40 and readings[-1] == 300
    assert [reading.share for reading in build_index(checkpoint, str(corpus))] == [1.0]
    assert next(build_index(checkpoint, str(corpus), again=True)).stories == 0


def test_another_corpus_starts_over(
    checkpoint: Checkpoint, corpus: Path, small_steps: None, tmp_path: Path
) -> None:
    building = build_index(checkpoint, str(corpus))
    next(building)
    next(building)
    building.close()
    other = write_corpus(tmp_path / "other.txt", little_stories(50, seed=9))
    assert built(checkpoint, other).n_stories == 50


def test_two_cannot_build_the_same_index(checkpoint: Checkpoint, corpus: Path) -> None:
    building = build_index(checkpoint, str(corpus))
    next(building)
    with pytest.raises(BadInput, match="is being built by somebody else"):
        next(build_index(checkpoint, str(corpus)))
    building.close()


def test_an_index_of_other_weights_is_stale(checkpoint: Checkpoint, corpus: Path) -> None:
    built(checkpoint, corpus)
    open_run("tiny").save_checkpoint(initialise(checkpoint.config, 5), 0)
    with pytest.raises(BadInput, match=r"is stale \(the weights have changed since\)"):
        open_index(checkpoint)


def test_an_index_of_activations_as_earlier_versions_wrote_it_is_stale(
    checkpoint: Checkpoint, corpus: Path
) -> None:
    built(checkpoint, corpus)
    manifest = index_path(checkpoint) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 2}))
    with pytest.raises(
        BadInput, match=r"an earlier version.*build it again: python -m slm neurons"
    ):
        open_index(checkpoint)


@pytest.mark.parametrize(
    ("ending", "line"),
    [("", "would be dropped"), (":drop-truncated", "holds no story that survives cleaning")],
)
def test_a_corpus_without_stories_is_refused_and_leaves_nothing(
    checkpoint: Checkpoint, tmp_path: Path, ending: str, line: str
) -> None:
    corpus = write_corpus(tmp_path / "cut.txt", ["It never"])
    with pytest.raises(BadInput, match=line):
        list(build_index(checkpoint, f"{corpus}{ending}"))
    assert list(index_path(checkpoint).parent.glob(".*.part")) == []


@pytest.mark.parametrize(
    "name",
    [
        "value.npy",
        "story.npy",
        "position.npy",
        "counts.npy",
        "tokens.bin",
        "starts.bin",
        "manifest.json",
    ],
)
def test_a_damaged_file_of_an_index_is_one_line_with_the_way_to_build_it_again(
    park_neuron: Checkpoint, corpus: Path, name: str
) -> None:
    index = built(park_neuron, corpus)

    def look() -> None:
        try:
            found = open_index(park_neuron)
        except BadInput as error:
            assert "build it" in str(error)
            raise
        for side in (True, False):
            for layer, neuron in ((0, 7), (0, 0)):
                found.top(park_neuron, layer, neuron, strongest=side)
                found.percentiles(layer, neuron, (0.0, 0.5, 1.0))
        found.top_tokens(), found.fires

    assert index.n_stories == 300
    assert complaints(index_path(park_neuron) / name, look, 40) == []


def test_an_index_with_a_damaged_manifest_is_built_again(
    park_neuron: Checkpoint, corpus: Path
) -> None:
    built(park_neuron, corpus)
    path = index_path(park_neuron) / "manifest.json"
    made = json.loads(path.read_text())
    path.write_text(json.dumps({**made, "reading": {"stories": "many"}}))
    assert built(park_neuron, corpus).n_stories == 300
    assert json.loads(path.read_text())["reading"] == made["reading"]
