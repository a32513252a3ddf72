"""Grades are read where a person would know them, and never where a reply says two things."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm.grading.grade_reader import (
    AGES,
    NotRead,
    ReadGrades,
    from_lines,
    from_objects,
    from_phrases,
    read_age_value,
    read_grade_value,
    read_grades,
)
from slm.grading.rubric import DIMENSIONS

WANTED = (*DIMENSIONS, "age_group")
GOOD = {"grammar": 7, "creativity": 6, "consistency": 5, "plot": 4, "age_group": "C"}


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        *((7, 7), (4.5, 4.5), (0, 0), (10, 10), ("8", 8), ("8.5/10", 8.5), ("8,5", 8.5)),
        *(("8 / 10", 8), ("8 out of 10", 8), ("eight out of ten", 8), ("Seven and a half", 7.5)),
        *(("**8**", 8), ("8 (good)", 8), ("8/10 - clear", 8), ("8 points", 8), ("+8", 8)),
        *((11, None), (-1, None), ("-1", None), (True, None), (None, None), (float("nan"), None)),
        *(("7-8", None), ("7 or 8", None), ("7/10 or 8/10", None), ("8 - could be 7", None)),
        *(("80/100", None), ("4/5", None), ("8%", None), ("8th", None), ("", None), ([8], None)),
        *(("10/10/10", None), ("1e1", None), ("eleven", None), ("0.8.5", None)),
    ],
)
def test_a_grade_is_one_number_from_0_to_10(value: object, grade: float | None) -> None:
    assert read_grade_value(value) == grade


@pytest.mark.parametrize(
    ("value", "age"),
    [
        *(
            ("C", "C"),
            ("c", "C"),
            ("C: 6-7", "C"),
            ("E (10-12)", "E"),
            ("Group C", "C"),
            ("C)", "C"),
        ),
        *(("8-9", "D"), ("6\u20137 years", "C"), (8, "D"), (8.0, "D"), (2, "A"), (16, "F")),
        *(("3 or under", "A"), ("six to seven", "C"), ("13+", "F"), ("10 to 12 years old", "E")),
        *(("B: a young child", "B"), ("about 7", "C"), ("age 7", "C")),
        *((17, None), ("C (10-12)", None), ("6-9", None), ("D/E", None), ("C or D", None)),
        *(
            ("A bit", None),
            ("G", None),
            ("", None),
            (None, None),
            (True, None),
            ("5 or older", None),
        ),
    ],
)
def test_an_age_group_is_a_letter_or_ages_of_one_group(value: object, age: str | None) -> None:
    assert read_age_value(value) == age


def test_objects_are_read_however_deep_the_grades_stand() -> None:
    inner = {"grades": {"Grammar_score": {"score": 7, "why": "x"}}, "ageGroup": "C"}
    (name, values), *_ = from_objects(json.dumps(inner), WANTED)
    assert name == "JSON" and values == {"grammar": [7], "age_group": ["C"]}
    listed = [{"dimension": "Plot", "score": 4}]
    (_, values), *_ = from_objects(json.dumps(listed), WANTED)
    assert values == {"plot": [4]}
    assert list(from_objects('{"note": 3}', WANTED)) == []


def test_names_with_grades_are_read_from_lines_and_tables() -> None:
    text = "| **Grammar** | 8 |\n| Plot | 4 |\n- Creativity - 6\nConsistency with the beginning = 5"
    ((_, values),) = from_lines(text, WANTED)
    assert values == {"grammar": ["8"], "plot": ["4"], "creativity": ["6"], "consistency": ["5"]}
    assert list(from_lines("Plot: 2 friends went to the park.", WANTED)) == []
    assert list(from_lines("Plot: 2, as 6/10\nGrammar: 7/10", WANTED)) == []  # of two scales


def test_grades_before_names_are_read() -> None:
    ((_, values),) = from_phrases("I give 8/10 for the grammar and 6/10 in plot", WANTED)
    assert values == {"grammar": ["8/10"], "plot": ["6/10"]}
    assert list(from_phrases("3 dogs for plot", WANTED)) == []


SAID = json.dumps(GOOD)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (SAID.replace("7", "11"), "grammar is 11, not a number from 0 to 10"),
        (SAID.replace("7", "NaN"), "grammar is nan"),
        (SAID.replace("7", "1e400"), "grammar is inf"),
        (SAID.replace("7", "null"), "grammar is None"),
        (SAID.replace('"C"', '"G"'), "age_group is 'G'"),
        (SAID + SAID.replace("7", "8"), "grammar has several grades: 7 and 8"),
        ("Grammar: 9/10, I think.\n" + SAID, "grammar has several grades: 7 and 9"),
        ("9 for grammar, or rather " + SAID, "grammar has several grades: 7 and 9"),
        (SAID.replace('"plot"', '"grammar": 8, "plot"'), "grammar has several grades: 7 and 8"),
        (SAID.replace('"C"', '["C", "D"]'), "age_group is ['C', 'D']"),
        (SAID.replace(', "plot": 4', ""), "the reply has no grade for plot"),
        (SAID.replace(', "age_group": "C"', ""), "the reply has no age group"),
        ("[7, 6, 5, 4]", "there are no grades in the reply"),
        ("A solid seven.", "there are no grades in the reply"),
        ("<think>" + SAID, "thoughts and no answer"),
        ("", "the reply is empty"),
    ],
)
def test_what_is_ambiguous_or_no_grade_is_not_read_and_says_why(reply: str, reason: str) -> None:
    found = read_grades(reply, DIMENSIONS)
    assert isinstance(found, NotRead) and reason in found.reason


def test_a_number_at_the_end_of_a_reply_that_was_cut_off_may_not_be_whole() -> None:
    lines = "Age group: C\nGrammar: 7\nCreativity: 6\nConsistency: 5\nPlot: 1"
    assert isinstance(read_grades(lines, DIMENSIONS), ReadGrades)
    cut = read_grades(lines, DIMENSIONS, is_cut=True)
    assert isinstance(cut, NotRead) and "cut off by its limit" in cut.reason
    unclosed = SAID.replace('"age_group": "C"}', "").replace("{", '{"age_group": "C", ')
    assert isinstance(read_grades(unclosed.rstrip(", "), DIMENSIONS), NotRead)
    assert isinstance(read_grades(SAID + " And so", DIMENSIONS, is_cut=True), ReadGrades)


def test_other_dimensions_are_read_as_they_are_named_and_ages_only_where_they_are_asked_for() -> (
    None
):
    reply = "Good manners: 7/10\nend of story: 3/10"
    found = read_grades(reply, ("good manners", "end_of_story"), ages=False)
    assert isinstance(found, ReadGrades)
    assert found.grades == {"good manners": 7, "end_of_story": 3} and found.age_group is None


NUMBERS = st.integers(0, 20).map(lambda half: half / 2)
NOISE = st.text("abc XYZ.,:;!?\n-*_()[]", max_size=40)
WRAPS = ("{}", "```json\n{}\n```", "Sure! {} Well.", "<think>hm, 3</think>{}", "[{}]")


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[NUMBERS] * 4), st.sampled_from(list(AGES)), st.sampled_from(WRAPS), NOISE)
def test_grades_are_read_through_any_wrapping_or_not_at_all(
    grades: tuple[float, ...], age: str, wrap: str, noise: str
) -> None:
    said = dict(zip(DIMENSIONS, grades, strict=True))
    found = read_grades(wrap.replace("{}", json.dumps(said | {"age_group": age})), DIMENSIONS)
    assert isinstance(found, ReadGrades) and (found.grades, found.age_group) == (said, age)
    lines = "\n".join(f"**{name.title()}:** {value:g}/10" for name, value in said.items())
    found = read_grades(f"{noise}\n{lines}\nAge group: {age} ({AGES[age]})\n{noise}", DIMENSIONS)
    if isinstance(found, ReadGrades):
        assert (found.grades, found.age_group) == (said, age)


@settings(max_examples=60, deadline=None)
@given(st.text("{}[]\"':,0123456789/abgrammplotcecxisnyu \n<>think", max_size=120))
def test_no_text_raises(text: str) -> None:
    found = read_grades(text, DIMENSIONS)
    assert isinstance(found, ReadGrades | NotRead)
