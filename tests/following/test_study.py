"""Following of writers whose following is known: all of it, none of it, and none of the unseen pair."""

import math

import pytest

from slm.errors import BadInput
from slm.following.requests import FIELD_OF, MEASURES, UNSEEN_PAIR, held_out_requests
from slm.following.study import Following, FollowingSettings, follow
from slm.progress import result_of
from slm.runs import Checkpoint
from slm.stories.sources import open_source
from tests.following.writers import deaf, lost_at_the_unseen_pair, perfect, studied


@pytest.fixture(scope="module")
def of_perfect() -> Following:
    return studied(perfect())


@pytest.fixture(scope="module")
def of_deaf() -> Following:
    return studied(deaf())


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_writer_keeps_all_and_chance_stays_far_below(
    of_perfect: Following, measure: str
) -> None:
    kept = of_perfect.scores.by_measure[measure]
    assert kept.share.mean > 0.99
    assert kept.chance.mean < (0.6 if measure == "features" else 0.2)
    assert kept.gain.low > 0.3
    assert kept.share.n == len(kept.asked) >= 20


@pytest.mark.parametrize("measure", MEASURES)
def test_a_deaf_writer_keeps_what_chance_keeps(of_deaf: Following, measure: str) -> None:
    kept = of_deaf.scores.by_measure[measure]
    assert kept.share.mean < 0.6
    assert abs(kept.gain.mean) < 0.1
    if measure == "sentence":
        assert kept.share.mean < 0.05


def test_a_feature_is_there_when_asked_and_not_when_others_are(
    of_perfect: Following, of_deaf: Following
) -> None:
    for heard, ignored in zip(of_perfect.scores.by_feature, of_deaf.scores.by_feature, strict=True):
        assert heard.when_asked and heard.when_not and ignored.when_asked and ignored.when_not
        assert heard.when_asked.mean == 1 and heard.when_not.mean == 0
        assert abs(ignored.when_asked.mean - ignored.when_not.mean) < 0.45


def test_the_unseen_pair_is_told_followed_by_the_perfect_and_not_by_the_deaf(
    of_perfect: Following, of_deaf: Following
) -> None:
    for part in of_perfect.unseen_pair.by_part.values():
        assert part.shares["unseen"].mean > 0.95
        assert "no difference" in part.verdict
    for part in of_deaf.unseen_pair.by_part.values():
        assert part.verdict == "not followed more than by chance"


def test_a_writer_that_is_lost_at_the_unseen_pair_is_told() -> None:
    found = studied(lost_at_the_unseen_pair())
    for part in found.unseen_pair.by_part.values():
        assert part.verdict == "followed worse than a pair it saw"
        assert part.difference.high < -0.5
        assert part.shares["alone"].mean > 0.95
    assert found.scores.words.share.mean > 0.99


def test_held_out_requests_are_of_no_training_record_and_never_of_the_pair() -> None:
    requests = held_out_requests(60)
    assert len({request.prompt for request in requests}) == 60
    trained = set(open_source("nursery-instruct:300:0").raw())
    for request in requests:
        fields = {line.split(": ")[0] for line in request.prompt.split("\n")}
        assert not set(UNSEEN_PAIR) <= fields
        assert {FIELD_OF[name] for name, asked in request.asked.items() if asked} == fields - {
            "Story:"
        }
        assert not any(text.startswith(request.prompt) for text in trained)


def test_the_json_has_a_mean_an_interval_and_chance_of_each_measure(of_deaf: Following) -> None:
    told = of_deaf.to_json()
    for name in MEASURES:
        assert {"mean", "interval", "chance"} <= told[name].keys()
        assert not math.isnan(told[name]["mean"])
    assert told["out_of_distribution"]["verb"]["verdict"]
    assert len(told["by_feature"]) == 6


def test_a_model_without_room_for_a_request_is_one_line(checkpoint: Checkpoint) -> None:
    few = FollowingSettings(requests=20, pair_stories=20)
    with pytest.raises(BadInput, match="half of the context"):
        result_of(follow(checkpoint, few))


@pytest.mark.parametrize("wrong", [{"requests": 19}, {"pair_stories": 0}, {"temperature": -1.0}])
def test_settings_that_tell_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        FollowingSettings(**wrong)  # type: ignore[arg-type]
