"""Roles: what was built in is found, what was not is not, and a detector of a few words is no role."""

import numpy as np
import pytest

from slm.errors import BadInput
from slm.lens.roles import NONE, Roles, Words, score_layer, score_roles, words_of
from slm.progress import Progress, result_of
from slm.runs import Checkpoint
from slm.stories.labelled import ROLES, LabelledStory, first_pieces, with_roles
from slm.stories.nursery import Role
from tests.lens.nursery_models import fire_on, nursery_tokenizer, random_model

ADJECTIVE, HERO, SPEECH = (
    ROLES.index(role.value) for role in (Role.ADJECTIVE, Role.HERO, Role.SPEECH)
)
STORIES = 36


@pytest.fixture(scope="module")
def stories() -> list[LabelledStory]:
    return with_roles(nursery_tokenizer(), STORIES, seed=1)


@pytest.fixture(scope="module")
def words(stories: list[LabelledStory]) -> Words:
    return words_of(stories, ROLES, first_pieces(nursery_tokenizer(), stories))


def roles_of(model: Checkpoint, stories: list[LabelledStory]) -> Roles:
    return result_of(score_roles(model, stories, ROLES))


def noise(words: Words, neurons: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(neurons, len(words.story))).astype(np.float16)


def test_a_neuron_built_for_adjectives_has_that_role_and_no_other_neuron_has_one(
    stories: list[LabelledStory],
) -> None:
    tokens = {
        story.tokens[at]
        for story in stories
        for at, labels in zip(story.places, story.labels, strict=True)
        if labels[ADJECTIVE]
    }
    found = roles_of(fire_on(random_model(), tokens, neuron=7), stories)
    assert (0, 7) in [(one.layer, one.neuron) for one in found.confirmed()]
    built = found.finding(ADJECTIVE, 0, 7)
    assert built.confirmed and built.low > 0.85 and built.unseen > 0.8
    assert found.layers[0].confirmed.sum() <= 2
    assert found.best(ADJECTIVE, 1)[0].neuron == 7


def test_a_random_model_has_almost_no_roles(stories: list[LabelledStory]) -> None:
    shares = [
        layer.share for seed in range(3) for layer in roles_of(random_model(seed), stories).layers
    ]
    assert np.mean(shares) <= 0.02


def test_labels_shuffled_within_stories_give_no_neuron_a_role(words: Words) -> None:
    acts = noise(words, 64)
    acts[5] += 4 * words.labels[:, ADJECTIVE]
    found = score_layer(acts, words)
    assert found.confirmed[5] and found.role[5] == ADJECTIVE
    assert found.shuffled_share == 0
    assert found.dealt_share <= 0.02


def test_pure_noise_has_no_role(words: Words) -> None:
    assert not score_layer(noise(words, 256), words).confirmed.any()


def test_a_detector_of_one_word_passes_for_a_role_by_places_and_fails_on_other_words(
    words: Words,
) -> None:
    speech = words.labels[:, SPEECH]
    said = np.bincount(words.which[speech]).argmax()
    acts = noise(words, 8)
    acts[3] += 6 * (words.which == said)
    found = score_layer(acts, words)
    assert found.held_out[SPEECH, 3] > found.bar[SPEECH]
    assert not found.confirmed[3]


def test_the_same_word_tells_a_role_from_its_words(words: Words) -> None:
    acts = noise(words, 8)
    acts[2] += 6 * words.labels[:, HERO]
    found = score_layer(acts, words)
    assert found.confirmed[2] and found.role[2] == HERO
    assert found.same_word[HERO, 2] > 0.95
    acts[2] = noise(words, 1)[0] + 6 * np.isin(words.which, words.which[words.labels[:, HERO]])
    assert score_layer(acts, words).same_word[HERO, 2] == pytest.approx(0.5, abs=0.15)


def test_where_a_word_stands_in_the_story_is_no_role(words: Words) -> None:
    acts = noise(words, 8)
    acts[1] -= 6 * words.place  # fires at the beginning, where the protagonist is first mentioned
    found = score_layer(acts, words)
    assert found.role[1] == NONE or not found.confirmed[1]


def test_progress_is_told_and_a_rare_label_is_not_scored(stories: list[LabelledStory]) -> None:
    steps: list[Progress] = []
    found = result_of(score_roles(random_model(), stories[:6], ROLES), steps.append)
    shares = [step.share for step in steps]
    assert shares == sorted(shares) and shares[-1] == 1.0
    place = ROLES.index(Role.PLACE.value)
    assert found.best(place) == [] and np.isnan(found.layers[0].bar[place])


def test_too_few_stories_are_refused(stories: list[LabelledStory]) -> None:
    with pytest.raises(BadInput, match="at least 4 stories"):
        result_of(score_roles(random_model(), stories[:3], ROLES))
