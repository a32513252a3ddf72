"""A story as the measures read it: openings apart, cut stories to their last whole sentence."""

from slm.grading.items import Item
from slm.scores.texts import sentences, whole_story, written


def item(completion: str, *, cut: bool) -> Item:
    return Item(
        address="m@0",
        opening="Tom ran.",
        completion=completion,
        opening_index=4,
        completion_index=0,
        seed=0,
        cut=cut,
    )


def test_a_story_that_was_cut_off_ends_with_its_last_whole_sentence() -> None:
    told = ' He fell. "Ow!" He said that the'
    assert written(item(told, cut=True)).completion == ' He fell. "Ow!"'
    assert written(item(told, cut=False)).completion == told
    assert written(item(" no end at all", cut=True)).completion == " no end at all"


def test_the_first_sentences_of_a_whole_story_are_its_opening() -> None:
    story = whole_story("One. Two! Three? Four.", 7)
    assert (story.opening, story.completion, story.opening_index) == (
        "One. Two!",
        " Three? Four.",
        7,
    )
    assert story.text == "One. Two! Three? Four."


def test_a_quotation_mark_belongs_to_the_sentence_that_it_ends() -> None:
    assert sentences('"Run!" said Tom. He ran') == ['"Run!"', " said Tom.", " He ran"]
