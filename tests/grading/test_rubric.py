"""Rubrics are data: the paper's by default, another from a file, with its version beside each grade."""

import json
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, stored
from slm.grading.items import Item
from slm.grading.protocol import Grade
from slm.grading.questions import question, rubric_of
from slm.grading.rubric import PAPER, Rubric, parse_rubric, read_rubric
from slm.grading.store import GradeStore
from slm.llm.judge import Judge
from tests.llm.server import says, serving

MINE = """
name: manners
dimensions:
  kindness: how kind the characters are
  good manners: whether they say please
age_group: false
"""


def mine(text: str = MINE) -> Rubric:
    return parse_rubric("mine.yaml", text.encode())


def story(rubric: Rubric | None = None) -> Item:
    texts = {
        "opening": "Tom had a",
        "completion": " dog.",
        "opening_index": 0,
        "completion_index": 0,
    }
    return Item(address="tiny@0", rubric=rubric, **texts)  # type: ignore[arg-type]


def test_the_papers_rubric_asks_as_it_always_did() -> None:
    asked = question(story())
    second = asked.second(asked.first, "Fine.")[-1]["content"]
    assert "assess only the student's part: its grammar, how creative it is" in str(asked.first)
    assert second.endswith(
        "Answer with one JSON object and nothing else, in this form: "
        '{"grammar": 5, "creativity": 5, "consistency": 5, "plot": 5, "age_group": "B"}'
    )
    assert (asked.version, rubric_of(story())) == ("1", PAPER)


def test_a_rubric_of_ones_own_asks_in_its_words_and_its_version_is_kept_with_each_grade(
    tmp_path: Path,
) -> None:
    store, rubric = GradeStore(tmp_path / "grades.sqlite"), mine()
    with serving(lambda *_: says('{"kindness": 7, "good manners": 3}')) as server:
        judge = Judge(model="mine", base_url=server.url, key="none")
        (one,) = grade([story(rubric)], judge, store)
        sent = json.dumps(server.asked)
    assert isinstance(one.outcome, Grade) and one.outcome.age_group is None
    assert one.outcome.grades == {"kindness": 7, "good manners": 3}
    assert "kindness (how kind the characters are), good manners (whether they say please)" in sent
    assert "age group" not in sent and "age_group" not in sent
    (kept,) = stored(store, "tiny@0")
    assert kept == one and kept.item.rubric == rubric
    assert kept.judged_by == f"mine ({rubric.version})"


def test_another_text_is_another_version_and_the_same_is_the_same() -> None:
    assert mine() == mine() and mine().version.startswith("manners-")
    changed = mine(MINE.replace("please", "thanks"))
    assert changed.version != mine().version
    assert (
        question(story(mine())).assess("m", "s").key
        != question(story(changed)).assess("m", "s").key
    )
    assert Rubric.from_text(mine().to_text()) == mine()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "mine.yaml line 1: it is empty"),
        ("- a", "mine.yaml line 1: a rubric is keys with values"),
        ("name: x", "mine.yaml line 1: a rubric needs dimensions"),
        ("dimensions:\n  a: b", "mine.yaml line 1: a rubric needs name"),
        ("name: x\nscale: 5\ndimensions: {a: b}", "line 2: a rubric has name, .*, not scale"),
        ("name: x\ndimensions: [a]", r"line 2: dimensions is names with texts, not \['a'\]"),
        ("name: X Y\ndimensions: {a: b}", "line 1: a name is small letters, .*, not 'X Y'"),
        ("name: x\ndimensions:\n  a: 3", "line 3: words on what is graded are a text .*, not 3"),
        ("name: x\ndimensions:\n  a: b\n  age: c", "line 4: ages are asked for by age_group"),
        ("name: x\ndimensions:\n  a b: b\n  a_b: c", "two dimensions read alike: a_b"),
        ("name: x\ndimensions: {}", "line 2: a rubric has 1 to 12 dimensions, not 0"),
        ("name: x\nage_group: maybe\ndimensions: {a: b}", "line 2: age_group is true or false"),
        ("name: x\nname: y", "line 2: name stands twice"),
        ("name: [", "mine.yaml line 1"),
    ],
)
def test_what_is_no_rubric_is_one_line_with_file_line_and_rule(text: str, line: str) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        mine(text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_utf8_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no rubric in .*No such file"):
        read_rubric(tmp_path / "none.yaml")
    with pytest.raises(BadInput, match="line 2: it is not UTF-8"):
        parse_rubric("mine.yaml", b"name: x\n\xff")
