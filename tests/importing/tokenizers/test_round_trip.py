"""A tokenizer is tried against its own library: the same ids, or refused, or the difference is said."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import decoders, models, pre_tokenizers, trainers

from slm.errors import BadInput
from slm.importing.tokenizers.tokenizer_files import tokenizer_at, tokenizer_in
from slm.stories.tokenizer import END, Tokenizer
from tests.conftest import little_stories
from tests.importing.tokenizers.test_tokenizer_files import TEXTS, gpt2_like, llama_like


def edit(folder: Path, **changes: Any) -> tokenizers.Tokenizer:
    """Change parts of a tokenizer.json; the library's own tokenizer of what it is then."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.encode_special_tokens = True
    return theirs


PLAIN = ["Tom ran", "He said “no” — naïvely, 雪 and 🙂!", "3 o'clock\n\nThe end."]
SPACED = [" Tom", "   Tom", "Tom  ran", "Tom ", "  ", "", "\n Tom"]


@pytest.mark.parametrize("normalized", [True, False])
def test_sentencepiece_saved_as_advised_is_cut_as_sentencepiece_cuts_it(
    tmp_path: Path, normalized: bool
) -> None:
    import sentencepiece
    from transformers import AutoTokenizer

    (tmp_path / "stories.txt").write_text("\n".join(little_stories(100)))
    how = (
        {}
        if normalized
        else {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
    )
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "stories.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=400,
        model_type="bpe",
        byte_fallback=True,
        minloglevel=2,
        **how,
    )
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    AutoTokenizer.from_pretrained(tmp_path).save_pretrained(tmp_path / "saved")
    shutil.copy(tmp_path / "tokenizer.model", tmp_path / "saved")
    brought = tokenizer_at(tmp_path / "saved", 400)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    ours = brought.tokenizer
    for text in [*PLAIN, *SPACED, *little_stories(20, seed=5)]:
        assert ours.encode_story(text)[1:] == theirs.encode(text), text
    assert ours.decode(ours.encode(" ran")) == " ran"
    assert any("' Tom' is read as 'Tom'" in note for note in brought.notes) is normalized
    assert not any("tokenizer.model" in note for note in brought.notes)


def test_a_sentencepiece_model_that_cuts_otherwise_is_told(tmp_path: Path) -> None:
    import sentencepiece

    llama_like(tmp_path, metaspace=False)
    (tmp_path / "stories.txt").write_text("\n".join(little_stories(50)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "stories.txt"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=320,
        model_type="bpe",
        byte_fallback=True,
        minloglevel=2,
    )
    assert any("tokenizer.model beside it cuts" in n for n in tokenizer_at(tmp_path, 460).notes)
    (tmp_path / "tokenizer.model").write_bytes(b"no model")
    assert any("no SentencePiece model" in note for note in tokenizer_at(tmp_path, 460).notes)


def test_bytes_without_a_token_are_named_and_texts_that_hold_them_refused(tmp_path: Path) -> None:
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[END], show_progress=False)
    inner.train_from_iterator(little_stories(100), trainer)
    inner.save(str(tmp_path / "tokenizer.json"))
    brought = tokenizer_at(tmp_path, 300)
    ours = brought.tokenizer
    assert inner.encode("Öl").ids == inner.encode("l").ids  # what it loses without a word
    (note,) = brought.notes
    assert "of the 256 bytes" in note and "any character beyond ASCII is refused" in note
    text = little_stories(1)[0]
    assert ours.decode(ours.encode_story(text)) == text
    for call in (ours.encode, ours.encode_story, ours.offsets, lambda t: ours.encode_stories([t])):
        with pytest.raises(BadInput, match="has no token for '<'"):
            call(f"{text} <3")
    ours.save(tmp_path / "ours.json")
    again = Tokenizer.load(tmp_path / "ours.json")
    with pytest.raises(BadInput, match=r"has no token for '\\xd6'"):
        again.encode("Öl")


def test_a_decoder_that_was_never_set_is_set(tmp_path: Path) -> None:
    gpt2_like(tmp_path)
    theirs = edit(tmp_path, decoder=None)
    brought = tokenizer_at(tmp_path, 400)
    for text, ids in zip(TEXTS, brought.tokenizer.encode_stories(TEXTS), strict=True):
        assert ids[1:] == theirs.encode(text).ids and brought.tokenizer.decode(ids) == text
    assert brought.notes == ()


def test_a_tokenizer_that_changes_texts_says_so(tmp_path: Path) -> None:
    gpt2_like(tmp_path)
    theirs = edit(
        tmp_path,
        normalizer={"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
    )
    brought = tokenizer_at(tmp_path, 400)
    for text in [*TEXTS, *SPACED]:
        (ids,) = brought.tokenizer.encode_stories([text])
        assert ids[1:] == theirs.encode(text).ids
    (note,) = brought.notes
    assert "changes texts: ' Tom' is read as ' tom'" in note and "Bits per byte" in note


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": r"\A\s+|x"}, "content": ""},
        {"type": "Prepend", "prepend": " "},
    ],
)
@pytest.mark.parametrize("spaced", [True, False])
def test_what_is_done_to_a_beginning_is_done_to_a_story_and_not_within_one(
    tmp_path: Path, normalizer: dict[str, Any], spaced: bool
) -> None:
    gpt2_like(tmp_path)
    splits = {
        "type": "ByteLevel",
        "add_prefix_space": spaced,
        "trim_offsets": True,
        "use_regex": True,
    }
    theirs = edit(tmp_path, normalizer=normalizer, pre_tokenizer=splits)
    ours = tokenizer_at(tmp_path, 400).tokenizer
    for text in [*PLAIN, *SPACED, "\u3000Tom", "\x1cTom"]:
        assert ours.encode_story(text)[1:] == theirs.encode(text).ids, text
        spans = ours.offsets(text)
        assert all(0 <= first <= last <= len(text) for first, last in spans)
    assert ours.decode(ours.encode(" ran")) == " ran"


@pytest.mark.parametrize("spaced", [True, False])
def test_a_prefix_space_is_put_where_transformers_puts_one(tmp_path: Path, spaced: bool) -> None:
    from transformers import AutoTokenizer

    gpt2_like(tmp_path)
    theirs = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": spaced, "eos_token": END}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(theirs))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    original = AutoTokenizer.from_pretrained(tmp_path)
    brought = tokenizer_at(tmp_path, 400)
    for text in [*PLAIN, *SPACED]:
        assert brought.tokenizer.encode_story(text)[1:] == original(text)["input_ids"], text
    said = [note for note in brought.notes if note.startswith("add_prefix_space is True")]
    assert bool(said) is spaced


def test_a_padding_token_past_the_vocabulary_is_left_out(tmp_path: Path) -> None:
    inner = gpt2_like(tmp_path)
    inner.add_special_tokens(["[PAD]"])
    inner.save(str(tmp_path / "tokenizer.json"))
    brought = tokenizer_at(tmp_path, 400)
    assert brought.tokenizer.d_vocab == 400 and "[PAD]" in brought.notes[0]
    for text in [*TEXTS, "a [PAD] b"]:
        (ids,) = brought.tokenizer.encode_stories([text])
        assert max(ids) < 400 and brought.tokenizer.decode(ids) == text
    inner.add_tokens(["Tom"])
    inner.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(BadInput, match="must fit its model's 400 tokens"):
        tokenizer_at(tmp_path, 400)


def test_a_tokenizer_that_cannot_be_made_the_same_is_refused_with_the_text(tmp_path: Path) -> None:
    gpt2_like(tmp_path)
    edit(tmp_path, normalizer={"type": "Prepend", "prepend": "x"})
    with pytest.raises(BadInput, match=r"its tokenizer\.json cuts '.*' otherwise"):
        tokenizer_at(tmp_path, 400)


def test_a_text_yields_no_special_token_also_where_it_does_there(tmp_path: Path) -> None:
    inner = gpt2_like(tmp_path)
    data = json.loads(inner.to_str())
    data["added_tokens"][0]["special"] = False
    edit(tmp_path, added_tokens=data["added_tokens"])
    ours = tokenizer_at(tmp_path, 400).tokenizer
    assert ours.end not in ours.encode(f"the mark {END} is text")
    inner.add_special_tokens(["\n"])
    inner.save(str(tmp_path / "tokenizer.json"))
    brought = tokenizer_at(tmp_path, 401)
    assert any("holds one of its special tokens" in note for note in brought.notes)


def test_dropout_of_merges_is_for_training(tmp_path: Path) -> None:
    plain = gpt2_like(tmp_path)
    edit(tmp_path, model=json.loads(plain.to_str())["model"] | {"dropout": 0.9})
    ours = tokenizer_at(tmp_path, 400).tokenizer
    assert [ours.encode(text) for text in PLAIN] == [plain.encode(text).ids for text in PLAIN]


def test_a_pair_of_files_is_read_under_any_name(tmp_path: Path) -> None:
    theirs = gpt2_like(tmp_path)
    marks = {"eos_token": END}
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(marks))
    theirs.model.save(str(tmp_path), "my")
    found = tokenizer_in(tmp_path, 400)
    given = [tokenizer_at(tmp_path / name, 400) for name in ("my-vocab.json", "my-merges.txt")]
    assert found is not None
    for brought in (found, *given):
        for text in PLAIN:
            assert brought.tokenizer.encode_story(text)[1:] == theirs.encode(text).ids
    theirs.model.save(str(tmp_path), "other")
    with pytest.raises(BadInput, match=r"holds 2 tokenizers, such as my-vocab\.json"):
        tokenizer_in(tmp_path, 400)
    (tmp_path / "my-merges.txt").unlink()
    with pytest.raises(BadInput, match=r"my-vocab\.json needs my-merges\.txt beside it"):
        tokenizer_at(tmp_path / "my-vocab.json", 400)


def test_bytes_that_fallback_lacks_are_refused(tmp_path: Path) -> None:
    inner = llama_like(tmp_path, metaspace=False)
    model = json.loads(inner.to_str())["model"]
    del model["vocab"]["<0xE2>"]
    edit(tmp_path, model=model)
    with pytest.raises(BadInput, match="must know every byte"):
        tokenizer_at(tmp_path, 460)


TRIMMED = {"trim_offsets": True, "use_regex": True}
BEGINNERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a space": {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True} | TRIMMED},
    "stripped": {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
    "split first": {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False} | TRIMMED,
            ],
        }
    },
    "lowered": {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]}
    },
    "Metaspace": {},
    "Prepend": {},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Tokenizer]]:
    """Of each kind a tokenizer as its own library reads it, and as it is brought."""
    found = {}
    for kind, changes in BEGINNERS.items():
        folder = tmp_path_factory.mktemp("kind")
        if kind in ("Metaspace", "Prepend"):
            llama_like(folder, metaspace=kind == "Metaspace")
        else:
            gpt2_like(folder)
        found[kind] = edit(folder, **changes), tokenizer_at(folder, 460).tokenizer
    return found


@pytest.mark.parametrize("kind", BEGINNERS)
@settings(deadline=None)
@given(text=some.text(max_size=30) | some.text(" \n\tTom3é", max_size=12))
def test_any_text_gets_the_ids_that_it_gets_there(
    pairs: dict[str, tuple[Any, Tokenizer]], kind: str, text: str
) -> None:
    theirs, ours = pairs[kind]
    (ids,) = ours.encode_stories([text])
    assert ids[1:] == theirs.encode(text, add_special_tokens=False).ids
    assert all(0 <= first <= last <= len(text) for first, last in ours.offsets(text))
    if kind in ("nothing", "split first"):
        assert ours.decode(ids) == text
