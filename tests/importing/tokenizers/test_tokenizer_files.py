"""Tokenizers as others save them give the ids that they gave there, and lose nothing of a story."""

import json
from functools import partial
from pathlib import Path

import pytest
import tokenizers
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
from slm.importing.tokenizers.tokenizer_files import tokenizer_at, tokenizer_in
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
    assert ours.to_str_tokens([ours.opening, ours.end]) == [END, END]
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
