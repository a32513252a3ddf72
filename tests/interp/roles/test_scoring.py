"""Roles: what was built in is found, what was not is not, and a detector of a few words is no role."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.interp.neurons.activations import activations
from slm.interp.roles.confirming import NONE, RoleKind
from slm.interp.roles.labelled_words import (
    LabelledWords,
    activations_at_words,
    streams_at_words,
    words_of,
)
from slm.interp.roles.scoring import (
    ABOVE,
    CARRIED,
    NEITHER,
    LayerRoles,
    Roles,
    ScoredRoles,
    score_layer,
    score_roles,
)
from slm.model.weights import initialise
from slm.progress import Progress, result_of
from slm.runs import Address, Checkpoint, load_checkpoint
from slm.stats.proportions import Proportion
from slm.stories.annotation.labelled import ROLES, LabelledStory, first_str_tokens, with_roles
from slm.stories.nursery import Role
from tests.interp.nursery_models import fire_on, nursery_tokenizer, random_model, read_exactly

ADJECTIVE, ACTION, HERO, SPEECH = (
    ROLES.index(role.value) for role in (Role.ADJECTIVE, Role.ACTION, Role.HERO, Role.SPEECH)
)
STORIES = 36


@pytest.fixture(scope="module")
def stories() -> list[LabelledStory]:
    return with_roles(nursery_tokenizer(), STORIES, seed=1)


@pytest.fixture(scope="module")
def words(stories: list[LabelledStory]) -> LabelledWords:
    return words_of(stories, ROLES, first_str_tokens(nursery_tokenizer(), stories))


def both_of(model: Checkpoint, stories: list[LabelledStory]) -> ScoredRoles:
    return result_of(score_roles(model, stories, ROLES))


def roles_of(model: Checkpoint, stories: list[LabelledStory]) -> Roles:
    return both_of(model, stories).excited


def tokens_of(stories: list[LabelledStory], role: int) -> set[int]:
    """The first tokens of all words of a role."""
    return {
        story.tokens[at]
        for story in stories
        for at, labels in zip(story.places, story.labels, strict=True)
        if labels[role]
    }


def scored(acts: np.ndarray, words: LabelledWords, kind: RoleKind = RoleKind.EXCITED) -> LayerRoles:
    return score_layer(acts, words, {each: Proportion(hits=0, count=1) for each in RoleKind})[kind]


def noise(words: LabelledWords, neurons: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(neurons, len(words.story))).astype(np.float16)


def test_a_neuron_built_for_adjectives_has_that_role_and_no_other_neuron_has_one(
    stories: list[LabelledStory],
) -> None:
    tokens = tokens_of(stories, ADJECTIVE)
    found = roles_of(fire_on(random_model(), tokens, neuron=7), stories)
    assert (0, 7) in [(one.layer, one.neuron) for one in found.confirmed()]
    built = found.finding(ADJECTIVE, 0, 7)
    assert built.confirmed and built.low > 0.85 and built.unseen > 0.8
    assert found.layers[0].confirmed.sum() <= 2
    assert found.best(ADJECTIVE, 1)[0].neuron == 7


def test_a_random_model_has_almost_no_roles_and_is_not_above_random_directions(
    stories: list[LabelledStory],
) -> None:
    both = both_of(random_model(), stories)
    found = [both.excited, both.inhibited]
    layers = [layer for roles in found for layer in roles.layers]
    assert np.mean([layer.share.value for layer in layers]) <= 0.02
    assert all(layer.above_random.low <= 0 for layer in layers)
    assert {roles.beside_random for roles in found} == {NEITHER[0].upper() + NEITHER[1:]}


def test_labels_shuffled_within_stories_give_no_neuron_a_role(words: LabelledWords) -> None:
    acts = noise(words, 64)
    acts[5] += 4 * words.labels[:, ADJECTIVE]
    found = scored(acts, words)
    assert found.confirmed[5] and found.role[5] == ADJECTIVE
    assert found.shuffled.value == 0
    assert found.dealt.value <= 0.02


def test_pure_noise_has_no_role(words: LabelledWords) -> None:
    assert not scored(noise(words, 256), words).confirmed.any()


def test_the_whole_interval_must_lie_above_the_permutation_threshold(words: LabelledWords) -> None:
    acts = noise(words, 64)
    acts += np.linspace(0, 1.5, 64, dtype=np.float16)[:, None] * words.labels[:, ADJECTIVE]
    found = scored(acts, words)
    mine = found.role == ADJECTIVE
    low, bar = found.low[ADJECTIVE], found.threshold[ADJECTIVE]
    passed = mine & (found.held_out[ADJECTIVE] > bar)
    passed &= found.unseen[ADJECTIVE] > found.unseen_threshold[ADJECTIVE]
    assert (passed & (low <= bar)).any()  # some are above it, and not surely
    assert not found.confirmed[low <= bar].any() and found.confirmed_for(ADJECTIVE).sum() > 20


def test_a_detector_of_one_word_passes_for_a_role_by_places_and_fails_on_other_words(
    words: LabelledWords,
) -> None:
    speech = words.labels[:, SPEECH]
    said = np.bincount(words.which[speech]).argmax()
    acts = noise(words, 8)
    acts[3] += 6 * (words.which == said)
    found = scored(acts, words)
    assert found.held_out[SPEECH, 3] > found.threshold[SPEECH]
    assert not found.confirmed[3]


def test_the_same_word_tells_a_role_from_its_words(words: LabelledWords) -> None:
    acts = noise(words, 8)
    acts[2] += 6 * words.labels[:, HERO]
    found = scored(acts, words)
    assert found.confirmed[2] and found.role[2] == HERO
    assert found.same_word[HERO, 2] > 0.95
    acts[2] = noise(words, 1)[0] + 6 * np.isin(words.which, words.which[words.labels[:, HERO]])
    assert scored(acts, words).same_word[HERO, 2] == pytest.approx(0.5, abs=0.15)


def test_where_a_word_stands_in_the_story_is_no_role(words: LabelledWords) -> None:
    acts = noise(words, 8)
    acts[1] -= 6 * words.place  # fires at the beginning, where the protagonist is first mentioned
    found = scored(acts, words)
    assert found.role[1] == NONE or not found.confirmed[1]


def test_a_neuron_that_is_only_less_inhibited_on_a_roles_words_has_no_role(
    words: LabelledWords,
) -> None:
    acts = noise(words, 8)
    acts[4] = noise(words, 1)[0] - 9 + 4 * words.labels[:, ADJECTIVE]  # silent everywhere
    found = scored(acts, words)
    assert found.role[4] == ADJECTIVE and found.low[ADJECTIVE, 4] > found.threshold[ADJECTIVE]
    assert found.fires_on_role[ADJECTIVE, 4] == found.fires_elsewhere[ADJECTIVE, 4] == 0
    assert not found.confirmed[4] and not scored(acts, words, RoleKind.INHIBITED).confirmed[4]


def test_a_neuron_that_a_roles_words_inhibit_has_that_role_apart_and_none_that_excites_it(
    words: LabelledWords,
) -> None:
    acts = noise(words, 8)
    # strongly inhibited on the role's words, mildly elsewhere: GELU would put the first above
    acts[6] = 0.5 * noise(words, 1)[0] - 0.7 - 5 * words.labels[:, ADJECTIVE]
    excited, inhibited = scored(acts, words), scored(acts, words, RoleKind.INHIBITED)
    assert not excited.confirmed_for(ADJECTIVE).any()
    assert inhibited.confirmed_for(ADJECTIVE)[6] and inhibited.low[ADJECTIVE, 6] > 0.9
    assert inhibited.fires_on_role[ADJECTIVE, 6] < inhibited.fires_elsewhere[ADJECTIVE, 6]
    assert inhibited.held_out[ADJECTIVE] == pytest.approx(1 - excited.held_out[ADJECTIVE])


def test_how_often_a_neuron_fires_is_told_for_its_role_and_for_other_words(
    words: LabelledWords,
) -> None:
    acts = noise(words, 8) - 9
    acts[2] += 20 * words.labels[:, ADJECTIVE]
    found = scored(acts, words)
    assert found.confirmed[2]
    assert found.fires_on_role[ADJECTIVE, 2] == 1 and found.fires_elsewhere[ADJECTIVE, 2] == 0


def test_neurons_made_for_roles_are_above_random_directions(stories: list[LabelledStory]) -> None:
    model = random_model()
    tokens = [tokens_of(stories, role) for role in (ADJECTIVE, ACTION)]
    found = roles_of(read_exactly(model, tokens, each=12), stories).layers[0]
    assert found.share.value >= 0.25 and found.above_random.low > 0


def test_where_the_stream_carries_a_role_random_neurons_are_no_better_than_random_directions(
    stories: list[LabelledStory],
) -> None:
    tokens = tokens_of(stories, ADJECTIVE)
    model = random_model()
    with torch.no_grad():
        model.weights.W_E[list(tokens)] += torch.tensor(
            [3.0, -3.0] * 8
        )  # nobody reads it on purpose
    found = roles_of(model, stories)
    first = found.layers[0]
    assert (
        first.share.value > 0.2
        and first.random_directions.interval.low > first.null_share.interval.high
    )
    assert first.above_random.low <= 0 <= first.above_random.high
    assert found.beside_random == CARRIED[0].upper() + CARRIED[1:]  # of both layers


def test_what_meaningless_labels_allow_is_not_called_above_random_directions(
    words: LabelledWords,
) -> None:
    few = np.arange(256) < 2
    layer = replace(
        scored(noise(words, 256), words),
        confirmed=few,
        random_directions=Proportion(hits=0, count=768),
        dealt=Proportion(hits=9, count=768),
    )
    assert layer.above_random.low > 0
    roles = Roles(
        address=Address("tiny", 0),
        kind=RoleKind.INHIBITED,
        hook="hook_pre",
        names=ROLES,
        layers=(layer, replace(layer, confirmed=np.arange(256) < 50)),
        stories=36,
        words=1,
        counts=np.zeros(1, dtype=int),
        different=np.zeros(1, dtype=int),
    )
    assert roles.beside_random == f"Layer 1: {ABOVE} Layer 0: {NEITHER}"


@pytest.mark.parametrize("gated", [False, True])
def test_what_is_scored_is_what_the_model_computes(
    gated: bool, stories: list[LabelledStory]
) -> None:
    model = random_model()
    if gated:
        config = replace(model.config, gated_mlp=True, act_fn="silu")
        model = replace(model, config=config, weights=initialise(config, 0))
    some = stories[:3]
    streams = result_of(streams_at_words(model, some, begin=0.0, end=1.0))
    acts = activations(model, [story.tokens for story in some])
    for layer, block in enumerate(model.weights.blocks):
        found = activations_at_words(model.config, block, streams[layer])
        theirs = torch.cat(
            [act[layer, list(story.places)] for act, story in zip(acts, some, strict=True)]
        )
        assert found == pytest.approx(theirs.T.half().numpy(), abs=2e-3)


def test_neuron_2_406_of_four_layer_is_silent_on_objects_which_do_not_excite_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(Path(__file__).resolve().parents[3] / "runs"))
    model = load_checkpoint("four-layer")
    read = with_roles(model.tokenizer, 24)
    words = words_of(read, ROLES, first_str_tokens(model.tokenizer, read))
    streams = result_of(streams_at_words(model, read, begin=0.0, end=1.0))
    acts = activations_at_words(model.config, model.weights.blocks[2], streams[2])[406:407]
    objects = ROLES.index(Role.OBJECT.value)
    found = scored(acts, words)
    assert found.held_out[objects, 0] < 0.2 and found.role[0] != objects
    assert scored(acts, words, RoleKind.INHIBITED).role[0] != NONE


def test_progress_is_told_and_a_rare_label_is_not_scored(stories: list[LabelledStory]) -> None:
    steps: list[Progress] = []
    found = result_of(score_roles(random_model(), stories[:6], ROLES), steps.append).excited
    shares = [step.share for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1.0
    place = ROLES.index(Role.PLACE.value)
    assert found.best(place) == [] and np.isnan(found.layers[0].threshold[place])


def test_too_few_stories_are_refused(stories: list[LabelledStory]) -> None:
    with pytest.raises(BadInput, match="at least 4 stories"):
        result_of(score_roles(random_model(), stories[:3], ROLES))


def test_meaningless_labels_count_by_the_larger_of_their_two_nulls(words: LabelledWords) -> None:
    layer = scored(noise(words, 4), words)
    fewer, more = Proportion(hits=1, count=100), Proportion(hits=9, count=100)
    assert replace(layer, shuffled=fewer, dealt=more).null_share == more
    assert replace(layer, shuffled=more, dealt=fewer).null_share == more
