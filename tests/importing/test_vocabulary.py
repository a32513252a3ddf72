"""Tokenizers as others save them give the ids that they gave there, and lose nothing of a story."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import (
    AddedToken,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from slm.errors import BadInput
from slm.importing.vocabulary import tokenizer_at, tokenizer_in
from slm.stories.tokenizer import END, Tokenizer
from tests.conftest import little_stories

TEXTS = [
    *little_stories(10, seed=3),
    "Tom",
    'He said “no” — naïvely, 雪 and 🙂!"\n\nThe end.',
    "a  b   c\t\n d",
    "the text <s> and </s> and <|endoftext|> is text",
]


def gpt2_like(folder: Path) -> tokenizers.Tokenizer:
    """GPT-2's kind, as tokenizer.json."""
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(little_stories(100), trainer)
    inner.save(str(folder / "tokenizer.json"))
    return inner


def llama_like(folder: Path, *, metaspace: bool) -> tokenizers.Tokenizer:
    """Llama's kind: SentencePiece's BPE with ▁ and bytes, by a normalizer or by Metaspace."""
    special = ["<unk>", "<s>", "</s>"]
    inner = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=[*special, *byte_tokens], show_progress=False
    )
    inner.train_from_iterator(little_stories(100), trainer)
    data = json.loads(inner.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] in special]
    inner = tokenizers.Tokenizer.from_str(json.dumps(data))
    fallback = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    inner.decoder = decoders.Sequence([*fallback, decoders.Strip(" ", 1, 0)])
    if not metaspace:
        inner.pre_tokenizer = None
        inner.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    inner.add_special_tokens([AddedToken(name, special=True) for name in special])
    inner.save(str(folder / "tokenizer.json"))
    marks = {"bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(marks))
    return inner


MAKERS = {
    "gpt2": gpt2_like,
    "llama": partial(llama_like, metaspace=False),
    "llama with Metaspace": partial(llama_like, metaspace=True),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_story_gets_the_ids_that_it_gets_there(tmp_path: Path, kind: str) -> None:
    theirs = MAKERS[kind](tmp_path)
    theirs.encode_special_tokens = True
    ours = tokenizer_at(tmp_path, 460).tokenizer
    again = Tokenizer.from_json(ours.to_json())
    for text, ids in zip(TEXTS, ours.encode_stories(TEXTS), strict=True):
        assert ids[1:] == theirs.encode(text, add_special_tokens=False).ids, text
        assert ours.decode(ids) == text
        assert again.encode_stories([text]) == [ids] and again.decode(ids) == text
        assert len(ours.offsets(text)) == len(ours.encode_story(text)) - 1
        assert END in text or ours.encode_story(text) == ids
    assert again.hash == ours.hash and ours.d_vocab == 460
    marks = (theirs.token_to_id(END),) * 2 if kind == "gpt2" else (1, 2)
    assert (ours.opening, ours.end) == marks
    assert ours.pieces([ours.opening, ours.end]) == [END, END]
    assert ours.decode([*ours.encode(" the ball"), ours.end]) == " the ball"


def test_the_old_pair_of_files_is_the_same_tokenizer(tmp_path: Path) -> None:
    theirs = gpt2_like(tmp_path)
    theirs.encode_special_tokens = True
    (tmp_path / "tokenizer.json").unlink()
    theirs.model.save(str(tmp_path))
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    vocabulary[END] = theirs.token_to_id(END)
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    brought = tokenizer_in(tmp_path, 400)
    assert brought is not None
    ours = brought.tokenizer
    for text, ids in zip(TEXTS, ours.encode_stories(TEXTS), strict=True):
        assert ids[1:] == theirs.encode(text).ids


def test_what_a_piece_of_a_story_spans_is_counted_without_the_prefix(tmp_path: Path) -> None:
    llama_like(tmp_path, metaspace=False)
    ours = tokenizer_at(tmp_path, 460).tokenizer
    text = "Amy had a ball."
    assert "".join(text[a:b] for a, b in ours.offsets(text)) == text


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model": {"type": "WordPiece"}}, "must be a BPE, not 'WordPiece'"),
        ({"pre_tokenizer": None}, "must know every byte"),
        (
            {"model": {"type": "BPE", "vocab": {"a": 10**9}, "merges": []}},
            "kept in 16 bits|names neither",
        ),
        ({"model": None}, "it has no model"),
        ({"added_tokens": 3}, "cannot be read"),
        (
            {
                "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
                | {"continuing_subword_prefix": "long"}
            },
            "its tokenizer.json cannot be read: PanicException",
        ),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(
    tmp_path: Path, changes: dict[str, object], rule: str
) -> None:
    gpt2_like(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BadInput, match=rule) as caught:
        tokenizer_at(tmp_path, 460)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_larger_than_its_model_is_refused(tmp_path: Path) -> None:
    gpt2_like(tmp_path)
    with pytest.raises(BadInput, match="must fit its model's 300 tokens, not have 400"):
        tokenizer_at(tmp_path, 300)


@pytest.mark.parametrize("name", ["tokenizer.model", "tok460.model"])
def test_a_bare_sentencepiece_model_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x0a\x00")
    for look in (
        lambda: tokenizer_in(tmp_path, 300),
        lambda: tokenizer_at(tmp_path / name, 300),
    ):
        with pytest.raises(
            BadInput, match=rf"{name} is a model of SentencePiece.*save it as tokenizer\.json"
        ):
            look()


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
