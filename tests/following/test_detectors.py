"""Detectors of features: they find what the grammar wrote, and nothing in stories without it."""

import json
import random
from pathlib import Path

import pytest

from slm.following import detectors
from slm.following.detectors import DETECTORS_VERSION, detector_errors, features_of, learn_cues
from slm.stories import nursery
from slm.stories.nursery.requested import records
from slm.stories.nursery.text import Feature


def test_every_detector_is_nearly_never_wrong_on_stories_it_was_not_made_from() -> None:
    errors = {one.feature: one for one in detector_errors(120)}
    assert set(errors) == set(Feature)
    for one in errors.values():
        assert one.missed.count > 30 and one.invented.count > 30
        assert one.missed.value < 0.02 and one.invented.value < 0.02


def test_the_cues_that_ship_are_of_this_grammar() -> None:
    shipped = json.loads(Path(detectors.__file__).with_name("cues.json").read_text())
    assert shipped["version"] == DETECTORS_VERSION
    for feature, cues in learn_cues(150).items():
        assert cues
        known = set(shipped["cues"][feature.value])
        assert sum(" ".join(cue) in known for cue in cues) / len(cues) > 0.8


def test_a_feature_goes_with_the_sentences_that_make_it() -> None:
    for story in records(60, seed=5):
        for mark in story.marks:
            others = [one for one in story.marks if one.feature == mark.feature and one is not mark]
            if not others and mark.feature != Feature.DIALOGUE:
                without = story.text[: mark.start] + story.text[mark.end :]
                assert mark.feature not in features_of(without), without


def test_shuffled_words_have_no_feature() -> None:
    draw = random.Random(0)
    told = 0
    for story in records(100, seed=6):
        words = story.text.replace('"', "").split()
        draw.shuffle(words)
        told += len(features_of(" ".join(words)))
    assert told <= 3


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("", set()),
        ('Tom said "hi', set()),
        ('"Hi," said Tom.', {Feature.DIALOGUE}),
        ("And so Zoe learned an important lesson: a promise is a promise.", {Feature.MORAL}),
        ("Zoe pushed Tom, and Tom pushed Zoe.", {Feature.CONFLICT}),
        ("Little did Zoe know what the day would bring.", {Feature.FORESHADOWING}),
        ("Zoe went home and cried.", {Feature.BAD_ENDING}),
    ],
)
def test_a_text_has_the_features_that_it_tells(text: str, features: set[Feature]) -> None:
    assert features_of(text) == features


def test_morals_of_the_other_nursery_are_found_too() -> None:
    stories = list(nursery.stories(60))
    has = [Feature.MORAL in story.features for story in stories]
    told = [Feature.MORAL in features_of(story.text) for story in stories]
    assert sum(a == b for a, b in zip(has, told, strict=True)) / len(stories) > 0.75
