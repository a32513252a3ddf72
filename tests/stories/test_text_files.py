"""Stories of a text, however they are parted; where nothing parts them, that is said."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.stories.sources import has_validation, open_source
from slm.stories.text_files import PASSAGE
from tests.conftest import write_corpus

STORIES = [f"Tom had {n} hats.\nHe lost {n}." for n in range(9)]
RECORDS = [f"Words: a, b\nSummary: {n}.\n\nStory:\n\n{s}\n\nEnd." for n, s in enumerate(STORIES)]
ON_ONE_LINE = [story.replace("\n", " ") for story in STORIES]


def stories_of(spec: str) -> list[str]:
    return [story.strip() for story in open_source(spec).raw() if story.strip()]


@pytest.mark.parametrize(
    ("text", "found", "option", "stories"),
    [
        ("\n\n".join(STORIES), "8 gaps of empty lines", "blank-lines", STORIES),
        ("\r\n \r\n".join(STORIES), "8 gaps of empty lines", "blank-lines", STORIES),
        ("\n".join(ON_ONE_LINE), "9 lines", "lines", ON_ONE_LINE),
        (
            "\n".join(f"<s> {story} </s>" for story in STORIES),
            "the mark </s> 9 times",
            "mark=</s>",
            STORIES,
        ),
        (
            "\n".join(f"<|begin_of_text|>{s}<|end_of_text|>" for s in STORIES),
            r"the mark <\|end_of_text\|> 9 times",
            "mark=<|end_of_text|>",
            STORIES,
        ),
        (
            "\n\n\n".join(f"{s}\n\nThe end." for s in STORIES),
            "8 gaps of two empty lines",
            r"mark=\n\n\n",
            [f"{s}\n\nThe end." for s in STORIES],
        ),
        (
            "\n".join('"{}"'.format(s.replace("hats", '""hats""')) for s in STORIES),
            "9 parts in quotation marks",
            "csv",
            [s.replace("hats", '"hats"') for s in STORIES],
        ),
        (
            "\n\n".join(RECORDS),
            "9 records of TinyStories-Instruct",
            "records",
            RECORDS,
        ),
        (" ".join(ON_ONE_LINE), "no gap at all", "passages", [" ".join(ON_ONE_LINE)]),
    ],
)
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_a_text_without_the_mark_says_what_parts_it_and_the_option_reads_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    found: str,
    option: str,
    stories: list[str],
    block: int,
) -> None:
    path = tmp_path / "tales.txt"
    path.write_bytes(text.encode())
    with pytest.raises(BadInput, match=f"end with a line .* has none .* {found}") as caught:
        open_source(str(path))
    assert repr(f"tales.txt:{option}") in str(caught.value)
    monkeypatch.setattr("slm.stories.text_files.BLOCK", block)
    assert stories_of(f"{path}:{option}") == stories


def test_dialogue_is_not_taken_for_quoted_csv(tmp_path: Path) -> None:
    talk = '"Hello," said Tom.\n"Hello."\n"How are you?"\nAmy smiled and went home with her dog.\n'
    (tmp_path / "a.txt").write_text(talk * 3)
    with pytest.raises(BadInput, match="12 lines and no empty one"):
        open_source(str(tmp_path / "a.txt"))


def test_one_mark_anywhere_in_a_text_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", 5)  # so that the mark lies across blocks
    (tmp_path / "a.txt").write_text("Tom ran.\n\nHe fell.\n<|endoftext|>\nAmy ran.")
    assert stories_of(f"{tmp_path / 'a.txt'}") == ["Tom ran.\n\nHe fell.", "Amy ran."]


def test_one_mark_at_the_end_of_many_stories_parts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.text_files.ONE_STORY", 100)
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(STORIES) + "\n<|endoftext|>\n")
    with pytest.raises(BadInput, match=r"only one, at its end, after \d+ .* 8 gaps of empty lines"):
        open_source(str(path))
    assert stories_of(f"{path}:blank-lines") == STORIES
    path.write_text(f"{STORIES[0]}\n<|endoftext|>\n")
    assert stories_of(str(path)) == STORIES[:1]


def test_a_book_is_cut_into_passages_that_end_with_a_sentence(tmp_path: Path) -> None:
    book = " ".join(f'Tom had {n} hats. "Where are they?" he said.' for n in range(400))
    (tmp_path / "book.txt").write_text(book)
    found = list(open_source(f"{tmp_path / 'book.txt'}:passages").raw())
    assert "".join(found) == book
    assert len(found) > len(book) / PASSAGE
    assert all(len(part) <= PASSAGE for part in found)
    assert all(part.rstrip()[-1] in '.?"' for part in found)
    assert stories_of(f"{tmp_path / 'book.txt'}:whole") == [book]


def test_a_text_without_spaces_is_cut_into_passages_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("小米有红苹果。" * 400, encoding="utf-8")
    found = list(open_source(f"{tmp_path / 'a.txt'}:passages").raw())
    assert all(part.endswith("。") for part in found)
    (tmp_path / "b.txt").write_text("x" * 2500)
    assert [len(s) for s in open_source(f"{tmp_path / 'b.txt'}:passages").raw()] == [
        1000,
        1000,
        500,
    ]


def test_line_separators_inside_a_story_stay(tmp_path: Path) -> None:
    stories = ["Tom ran.\u2028He fell.\u2029Then\u0085he\x0bsang.", "Amy ran."]
    assert stories_of(str(write_corpus(tmp_path / "a.txt", stories))) == stories
    (tmp_path / "b.txt").write_text("\n".join(stories), encoding="utf-8")
    assert stories_of(f"{tmp_path / 'b.txt'}:lines") == stories


def test_each_way_of_reading_is_content_of_its_own(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "a.txt", STORIES)
    specs = ["", ":lines", ":blank-lines", ":mark=He", ":keep-truncated", ":lines:keep-truncated"]
    found = [open_source(f"{path}{option}").fingerprint for option in specs]
    assert len(set(found)) == len(specs)
    assert open_source(f"{path}:drop-truncated").fingerprint == found[0]


def test_a_file_whose_name_ends_like_an_option_is_that_file(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "a:b.txt", STORIES)
    assert stories_of(str(path)) == STORIES
    assert stories_of(f"{path}:lines:drop-truncated")[0] == "Tom had 0 hats."


def test_parts_of_a_joined_corpus_are_each_read_their_own_way(tmp_path: Path) -> None:
    one = write_corpus(tmp_path / "a.txt", STORIES[:2])
    (tmp_path / "b.txt").write_text("Amy ran.\nAmy fell.\n")
    assert stories_of(f"{one}+{tmp_path / 'b.txt'}:lines") == [
        *STORIES[:2],
        "Amy ran.",
        "Amy fell.",
    ]
    with pytest.raises(BadInput, match="of all parts of a corpus or of none"):
        open_source(f"{one}+{tmp_path / 'b.txt'}:lines:keep-truncated")


def test_an_option_that_does_not_exist_or_fit_is_refused(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "a.txt", STORIES)
    with pytest.raises(BadInput, match=r"no option 'line' of .*they are :lines, :blank-lines"):
        open_source(f"{path}:line")
    with pytest.raises(BadInput, match=r"a .txt has no columns"):
        open_source(f"{path}:text=story")
    (tmp_path / "a.jsonl").write_text('{"text": "Tom ran."}')
    with pytest.raises(BadInput, match=r"only of a .txt"):
        open_source(f"{tmp_path / 'a.jsonl'}:lines")
    with pytest.raises(BadInput, match=r"parted in one way: .* has :lines and a :mark"):
        open_source(f"{path}:lines:mark=x")
    with pytest.raises(BadInput, match="takes no option"):
        open_source("nursery:50:lines")


def test_what_hub_corpora_and_the_nursery_are_cleaned_like_may_be_said() -> None:
    assert open_source("nursery:50:drop-truncated").truncated == "drop"
    assert (
        open_source("nursery:50").fingerprint
        == open_source("nursery:50:drop-truncated").fingerprint
    )
    assert has_validation("tinystories:keep-truncated")
    assert not has_validation("a.txt:keep-truncated")


@pytest.mark.parametrize("name", ["~nosuchuser/a.txt", "a\0b.txt", "x" * 5000 + ".txt"])
def test_what_cannot_be_a_path_is_no_file(name: str) -> None:
    with pytest.raises(BadInput, match="there is no file") as caught:
        open_source(name)
    assert len(str(caught.value)) < 500
