"""The protagonist test: neurons made for one cause get that cause as their verdict."""

import numpy as np
import pytest

from slm.errors import BadInput
from slm.interp.roles.mentions import (
    FIRST_NAMED,
    FIRST_PLAIN,
    GROUPS,
    LATER,
    ORDINARY,
    OTHER_NAMED,
    OTHER_PLAIN,
    Mentions,
    mentions_of,
)
from slm.interp.roles.protagonist import best_neurons, null_threshold, protagonist_test
from slm.interp.roles.protagonist_trial import (
    AFTER_NAMED,
    ANY_NAME,
    EARLY,
    FIRST_MENTION,
    MENTION,
    NAME_OR_WORD,
    NAMED,
    NAMED_OR_WORD,
    NONE_FOUND,
    NeuronTrial,
    try_neuron,
)
from slm.progress import Progress, result_of
from slm.stories.annotation.minimal_pairs import Condition, minimal_pairs
from slm.stories.annotation.nursery import annotated
from tests.interp.nursery_models import nursery_tokenizer, random_model

CONFIG = random_model().config
SPACED = str.maketrans({",": " ,", ".": " ."})


@pytest.fixture(scope="module")
def words() -> Mentions:
    return Mentions.of([mentions_of(one) for one in annotated(nursery_tokenizer(), 80, seed=3)])


def fires_at(
    words: Mentions, groups: set[str], conditions: set[Condition], rest: float = -1.0
) -> NeuronTrial:
    """A neuron that is 4 higher in some groups and conditions than elsewhere, at `rest`, but for noise."""
    draw = np.random.default_rng(0)
    where = words.labels[:, [GROUPS.index(group) for group in sorted(groups)]].any(1)
    acts = (4.0 * where + 0.3 * draw.normal(size=len(where))).astype(np.float16)
    pairs = np.array([4.0 * (pair.condition in conditions) for pair in minimal_pairs()])
    pairs += 0.1 * draw.normal(size=len(pairs))
    return try_neuron(acts + np.float16(rest), words, 0.7, pairs + rest, CONFIG)


def test_a_neuron_for_first_mentions_is_called_that(words: Mentions) -> None:
    trial = fires_at(
        words,
        {FIRST_NAMED, FIRST_PLAIN, OTHER_NAMED, OTHER_PLAIN},
        {Condition.FIRST_NAMED, Condition.FIRST_PLAIN},
    )
    assert trial.verdict == FIRST_MENTION
    assert trial.effects[MENTION].mean == pytest.approx(3, abs=0.2)  # from silence to 3
    assert trial.effects[NAMED].mean == pytest.approx(0, abs=0.2)


def test_a_neuron_for_what_follows_named_is_called_that(words: Mentions) -> None:
    trial = fires_at(
        words, {FIRST_NAMED, OTHER_NAMED}, {Condition.FIRST_NAMED, Condition.AGAIN_NAMED}
    )
    assert trial.verdict == AFTER_NAMED
    assert "“named” before a name makes" in trial.why


def test_a_neuron_for_any_name_is_called_that(words: Mentions) -> None:
    named = {FIRST_NAMED, FIRST_PLAIN, LATER, OTHER_NAMED, OTHER_PLAIN}
    every = set(Condition) - {Condition.WORD_NAMED, Condition.WORD_PLAIN}
    trial = fires_at(words, named, every)
    assert trial.verdict == ANY_NAME
    assert trial.contrasts[NAME_OR_WORD].low > 0.9


def test_a_neuron_for_names_near_the_beginning_is_not_taken_for_one_of_first_mentions(
    words: Mentions,
) -> None:
    trial = fires_at(
        words,
        {FIRST_NAMED, FIRST_PLAIN},
        set(Condition) - {Condition.WORD_NAMED, Condition.WORD_PLAIN},
    )
    assert trial.verdict == EARLY


def test_noise_and_the_beginning_of_the_story_are_nothing(words: Mentions) -> None:
    assert fires_at(words, set(), set()).verdict == NONE_FOUND
    acts = (-words.place).astype(np.float16)
    pairs = np.zeros(len(minimal_pairs()))
    assert try_neuron(acts, words, 0.6, pairs, CONFIG).verdict == NONE_FOUND


def test_a_neuron_that_is_silent_at_first_mentions_does_not_want_them(words: Mentions) -> None:
    groups, conditions = {FIRST_NAMED, FIRST_PLAIN}, {Condition.FIRST_NAMED, Condition.FIRST_PLAIN}
    silent = fires_at(words, groups, conditions, rest=-9.0)  # at -5 there, inhibited more elsewhere
    assert silent.contrasts[NAMED_OR_WORD].low > 0.9
    assert silent.verdict == NONE_FOUND
    assert all(
        one.mean == 0
        for part in (silent.means, silent.fires, silent.effects)
        for one in part.values()
    )
    firing = fires_at(words, groups, conditions)
    assert firing.verdict == FIRST_MENTION
    assert firing.fires_more[NAMED_OR_WORD].low > 0.9
    always = fires_at(words, groups, conditions, rest=9.0)  # it tells them, yet fires at every word
    assert always.verdict == NONE_FOUND


def test_the_best_neuron_is_the_one_for_first_mentions_not_the_one_for_names(
    words: Mentions,
) -> None:
    draw = np.random.default_rng(0)
    acts = draw.normal(size=(2, 5, len(words.story))).astype(np.float16)
    first = words.labels[:, GROUPS.index(FIRST_NAMED)] | words.labels[:, GROUPS.index(FIRST_PLAIN)]
    acts[0, 1] += 5 * (first | words.labels[:, GROUPS.index(LATER)])
    acts[1, 3] += 5 * first
    acts[1, 2] -= 5 * words.place
    assert best_neurons(acts, words, 2)[0] == (1, 3)
    acts[0, 4] = acts[1, 3] + first - 30  # clearer still, and silent
    assert best_neurons(acts, words, 1) == [(1, 3)]
    assert 0.5 < null_threshold(acts, words, 0) < 0.9


def test_mentions_are_what_their_groups_say() -> None:
    stories = list(annotated(nursery_tokenizer(), 40, seed=3))
    for story in stories:
        found = mentions_of(story)
        assert (found.labels.sum(1) == 1).all()
        count = {group: int(n) for group, n in zip(GROUPS, found.labels.sum(0), strict=True)}
        introduction = story.story.introduction
        assert count[FIRST_NAMED] == (introduction == "named")
        assert count[FIRST_PLAIN] == (introduction == "plain")
        assert count[ORDINARY] > 10


def test_sentences_are_alike_but_for_one_thing() -> None:
    by_condition = {
        name: [pair for pair in minimal_pairs() if pair.condition is name] for name in Condition
    }
    for condition, pairs in by_condition.items():
        for pair in pairs:
            assert pair.before.endswith(" named") == ("after" in condition.value)
            if "name's" in condition.value:
                assert (pair.word in pair.before.split()) == ("second" in condition.value)
    names = [pairs for condition, pairs in by_condition.items() if "name's" in condition.value]
    for alike in zip(*names, strict=True):  # the same name in the same place of the list
        assert len({pair.word for pair in alike}) == 1
        words = [len(pair.before.translate(SPACED).split()) for pair in alike]
        assert max(words) - min(words) <= 3


def test_a_model_is_tested_from_its_weights_alone() -> None:
    steps: list[Progress] = []
    found = result_of(protagonist_test(random_model(), count=24), steps.append)
    assert len(found.trials) == 5
    assert [step.share for step in steps] == sorted(step.share for step in steps)
    one = result_of(protagonist_test(random_model(), count=24, neuron=(1, 5)))
    assert [(trial.layer, trial.neuron) for trial in one.trials] == [(1, 5)]


@pytest.mark.parametrize(
    ("asked", "line"), [({"count": 3}, "at least 20"), ({"neuron": (9, 0)}, "layer must lie")]
)
def test_what_cannot_be_tested_is_refused(asked: dict, line: str) -> None:
    with pytest.raises(BadInput, match=line):
        result_of(protagonist_test(random_model(), **asked))
