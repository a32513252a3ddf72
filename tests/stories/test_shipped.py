"""What ships: twenty stories, fifty openings, in plain characters, none twice."""

import pytest

from slm.errors import BadInput
from slm.stories.shipped import openings, stories, story


def test_there_are_twenty_different_stories_of_a_childs_length() -> None:
    assert len({s.title for s in stories()}) == len({s.text for s in stories()}) == 20
    for shipped in stories():
        assert 100 <= len(shipped.text.split()) <= 220, shipped.title
        assert shipped.text[-1] in '."', shipped.title
        assert shipped.text.isascii()


def test_there_are_fifty_different_openings_mostly_cut_in_mid_sentence() -> None:
    assert len(set(openings())) == 50
    for opening in openings():
        assert 20 <= len(opening.split()) <= 98, opening
        assert opening.isascii() and opening == opening.strip()
    assert sum(opening[-1] not in '.!?"' for opening in openings()) >= 45


def test_the_banana_story_can_repeat_the_posts_experiment() -> None:
    text = story("Lucy and the banana").text
    for phrase in ("a banana", "the banana", "the park", "Lucy", "Tom"):
        assert phrase in text
    with pytest.raises(BadInput, match="no shipped story"):
        story("none")
