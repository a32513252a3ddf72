"""Text to tokens and back: byte-level BPE from the `tokenizers` library, which loses nothing.

An imported model keeps its own tokenizer, which may open and end stories otherwise: such a
tokenizer.json says so in a part of its own, "story", beside what the library writes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from slm.errors import BadInput, one_line, shown
from slm.files import write_text
from slm.reading import parse_json, read_text
from slm.stories.byte_level import (
    ASCII_WORDS,
    BYTE_OF_LETTER,
    BYTE_TOKEN,
    WordCache,
    byte_level_text,
    splits_as_gpt2,
)

END = "<|endoftext|>"
VOCABULARY_SIZES = (512, 16_384)
WORDS_KEPT = 1 << 18
Leading = Literal["kept", "shared", "dropped"]
"""What becomes of the white space that a story begins with, before a prefix (a space) is put there."""
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""White space as Unicode and the library have it."""
TRIED_OUT = ("", "Once upon a time, Amy had a ball.\n", "é\x00\U0001f600")
TRAINING_BYTES = 100_000_000
"""A tokenizer learns from the first this many bytes: more text changes it little and takes minutes."""


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turn whatever the library raises into one line that begins with `what`.

    It raises nothing narrower than Exception, and where its Rust code panics not even that.
    """
    try:
        yield
    except BadInput:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BadInput(f"{what}: {type(error).__name__}: {one_line(str(error))}") from None


def check_vocabulary(d_vocab: int) -> None:
    """Raise `BadInput` for a size that no vocabulary made here has."""
    low, high = VOCABULARY_SIZES
    if not low <= d_vocab <= high:
        raise BadInput(
            f"a vocabulary made here has {low:,} to {high:,} tokens, not {shown(d_vocab)}"
        )


class Tokenizer:
    """A BPE, and what opens and ends a story: special tokens that text can never produce.

    Of those trained here both are END. An imported one may open stories with another token than ends
    them, put a `prefix` (a space) before a story's first word, as SentencePiece does, and belong to
    a model whose vocabulary was padded to a larger `d_vocab`. White space that the story itself begins
    with is `leading`: "kept" after the prefix, a space of it "shared" with it, or "dropped". Where its
    tokens are single `characters`, one of them, which texts hold, too, opens and ends a story.
    """

    def __init__(
        self,
        inner: tokenizers.Tokenizer,
        *,
        opening: int | None = None,
        end: int | None = None,
        prefix: str = "",
        leading: Leading = "kept",
        characters: bool = False,
        d_vocab: int | None = None,
    ) -> None:
        self._inner = inner
        self._inner.encode_special_tokens = True  # the text "<|endoftext|>" is text like any other
        self._words = WordCache(self.encode)
        self.d_vocab: int = max(inner.get_vocab().values()) + 1
        if self.d_vocab > 1 << 16:
            raise BadInput(f"tokens are kept in 16 bits, and this tokenizer has {self.d_vocab}")
        if d_vocab is not None:
            if d_vocab < self.d_vocab:
                raise BadInput(
                    f"a tokenizer must fit its model's {d_vocab} tokens, not have {self.d_vocab}"
                )
            self.d_vocab = d_vocab
        given = (inner.token_to_id(END), inner.token_to_id(END)) if end is None else (opening, end)
        if None in given:
            raise BadInput(f"a tokenizer needs the token {END}, and this one has none")
        self.opening, self.end = (int(index) for index in given if index is not None)
        if not all(inner.id_to_token(index) for index in (self.opening, self.end)):
            raise BadInput(f"a story opens and ends with tokens of the tokenizer, not {given}")
        if leading not in get_args(Leading):
            raise BadInput(f"leading spaces are one of {get_args(Leading)}, not {leading!r:.80}")
        self.prefix, self.leading, self.characters = prefix, leading, characters
        self._story = (
            None
            if end is None
            else {"opening": self.opening, "end": end}
            | {"prefix": prefix, "leading": leading, "characters": characters}
            | {"d_vocab": self.d_vocab}
        )

    @classmethod
    def train(cls, stories: Iterable[str], d_vocab: int) -> "Tokenizer":
        """Learn a vocabulary of at most `d_vocab` tokens, END and the 256 bytes among them.

        A small corpus may yield fewer: `d_vocab` of the result is the true size.
        """
        check_vocabulary(d_vocab)
        inner = tokenizers.Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=d_vocab,
            special_tokens=[END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        inner.train_from_iterator(_first_bytes(stories, TRAINING_BYTES), trainer)
        return cls(inner)

    def to_json(self) -> str:
        """Serialise the tokenizer to the text that `from_json` reads."""
        if self._story is None:
            return self._inner.to_str()
        return json.dumps(json.loads(self._inner.to_str()) | {"story": self._story})

    @classmethod
    def from_json(cls, text: str) -> "Tokenizer":
        """Build a tokenizer from the text that `to_json` wrote."""
        made_of = json.loads(text)
        if (story := made_of.pop("story", None)) is None:
            return cls(tokenizers.Tokenizer.from_str(text))
        return cls(tokenizers.Tokenizer.from_str(json.dumps(made_of)), **story)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a tokenizer.json.

        Raises `BadInput` where it is missing, and where it is neither a byte-level BPE nor one that
        an import wrote.
        """
        try:
            text = read_text(path)
            made_of = parse_json(text)
            step = (made_of.get("pre_tokenizer") or {}).get("type")
        except FileNotFoundError:
            raise BadInput(f"there is no tokenizer at {path}") from None
        except BadInput:
            raise
        except ValueError as error:
            raise BadInput(f"{path} is not a tokenizer: it {error}") from None
        except AttributeError:
            raise BadInput(f"{path} is not a tokenizer: it is no JSON object") from None
        if step != "ByteLevel" and not made_of.get("story"):
            raise BadInput(
                f"{path} is not a tokenizer of bytes: it splits text by {one_line(str(step))}"
            )
        with refused(f"{path} is not a tokenizer"):
            found = cls.from_json(text)
            found._try_out()
        return found

    def _try_out(self) -> None:
        """Do once what a damaged tokenizer may fail at only when it is used."""
        for text in TRIED_OUT:
            if self.unread_in(text) is not None:
                continue
            ids = self.encode_story(text)
            self.decode(ids), self.offsets(text), self.encode_stories([text])
            if max(ids) >= self.d_vocab:
                raise BadInput(
                    f"its tokens are below {self.d_vocab}, and it makes {max(ids)} of text"
                )
            for index in ids:
                self._str_token(index)

    def save(self, path: Path) -> None:
        """Write tokenizer.json, whole or not at all."""
        write_text(path, self.to_json())

    @cached_property
    def hash(self) -> str:
        """The hash of vocabulary and merges."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=8).hexdigest()

    def encode(self, text: str) -> list[int]:
        """Encode `text` to token ids, never END. Any Unicode round-trips in tokenizers trained here.

        What an imported tokenizer changes is reported at its import. Raises `BadInput` for a lone
        surrogate, which is not Unicode text, and for a character with a byte that has no token.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"text is Unicode, and {text[error.start]!a} is not") from None
        self._refuse_unread(text)
        return self._inner.encode(text, add_special_tokens=False).ids

    @cached_property
    def unread(self) -> frozenset[int]:
        """Bytes that it has no token for: of a byte-level BPE whose alphabet was taken from its corpus."""
        if not isinstance(self._inner.decoder, decoders.ByteLevel):
            return frozenset()
        return frozenset(
            byte
            for letter, byte in BYTE_OF_LETTER.items()
            if self._inner.token_to_id(letter) is None
        )

    def unread_in(self, text: str) -> str | None:
        """Return the first character without tokens, which the library would silently skip, or None."""
        if not self.unread and not self.characters:
            return None
        normalizer = self._inner.normalizer
        for character in text if normalizer is None else normalizer.normalize_str(text):
            if self.characters and self._inner.token_to_id(character) is None:
                return character
            if not self.unread.isdisjoint(character.encode()):
                return character
        return None

    def readable(self, text: str) -> str:
        """Remove the characters that have no tokens; for texts that ship with the package."""
        if self.unread_in(text) is None:
            return text
        return "".join(character for character in text if self.unread_in(character) is None)

    def _refuse_unread(self, text: str) -> None:
        if (character := self.unread_in(text)) is not None:
            raise BadInput(
                f"this model's tokenizer has no token for {character!a}, so a text that holds it "
                "cannot be read"
            )

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's span in the story's text: first character and the one after its last.

        The space before a word belongs to its token. Tokens that share a character both span it. What
        opens the story is left out, and a prefix spans nothing.
        """
        found: list[tuple[int, int]] = []
        for number, (start, part) in enumerate(_stories_in(text)):
            if number:
                found.append((start - len(END), start))
            begun = self._begun(part)
            self._refuse_unread(begun)
            spans = self._inner.encode(begun, add_special_tokens=False).offsets
            shift = start + len(part) - len(begun)
            found += [(max(start, a + shift), max(start, b + shift)) for a, b in spans]
        return found

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode each text; known words are looked up, four times as fast as splitting them."""
        if not self._splits_as_gpt2:
            for text in texts:
                self._refuse_unread(text)
            return [e.ids for e in self._inner.encode_batch_fast(texts, add_special_tokens=False)]
        if len(self._words) > WORDS_KEPT:
            self._words.clear()
        ids_of, words = self._words.__getitem__, ASCII_WORDS.findall
        return [
            list(chain.from_iterable(map(ids_of, words(text))))
            if text.isascii()
            else self.encode(text)
            for text in texts
        ]

    def _begun(self, text: str) -> str:
        """Prepend the prefix that precedes a story's first word."""
        if self.leading == "dropped":
            text = text.lstrip(WHITE)
        elif self.leading == "shared" and text.startswith(self.prefix):
            return text
        return self.prefix + text if text else text

    @cached_property
    def _splits_as_gpt2(self) -> bool:
        return splits_as_gpt2(json.loads(self.to_json()), special=[END])

    def encode_story(self, text: str) -> list[int]:
        """Encode a story: its opening token (END, of tokenizers trained here), then the ids of `text`.

        END typed out in `text` becomes that token: at the beginning it is there already, further on
        it opens the next story.
        """
        parts = [self.encode(self._begun(part)) for _, part in _stories_in(text)]
        return [token for ids in parts for token in (self.opening, *ids)]

    def encode_words(self, text: str) -> list[int]:
        """Encode words that continue a story; END, typed out, is the token that ends it."""
        first, *others = (self.encode(part) for part in text.split(END))
        return [*first, *(token for ids in others for token in (self.end, *ids))]

    def encode_stories(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode each story of a corpus, as fast as `encode_many`; END in one is text."""
        return [
            [self.opening, *ids] for ids in self.encode_many([self._begun(text) for text in texts])
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Decode `ids` to text, without the tokens that open and end stories.

        Where `ids` start with the opening token, the prefix of the first word is removed, too.
        """
        opened = bool(ids) and ids[0] == self.opening
        if self.characters:
            return self._inner.decode(ids[1:] if opened else ids)
        text = self._inner.decode(
            [index for index in ids if index not in (self.opening, self.end)],
            skip_special_tokens=True,
        )
        return text.removeprefix(self.prefix) if opened else text

    def to_str_tokens(self, ids: Sequence[int]) -> list[str]:
        r"""Return each token as a printable string; part of a character shows its bytes, as in `\xe2`."""
        table = self._str_tokens
        return [table[index] for index in ids]

    @cached_property
    def _str_tokens(self) -> list[str]:
        return [self._str_token(index) for index in range(self.d_vocab)]

    def _str_token(self, index: int) -> str:
        if index in (self.opening, self.end) and not self.characters:
            return END
        written = self._inner.id_to_token(index)
        if written is None:
            return f"<{index}>"  # padding of the vocabulary
        if isinstance(self._inner.decoder, decoders.ByteLevel):
            return byte_level_text(written)
        if byte := BYTE_TOKEN.fullmatch(written):
            return bytes([int(byte[1], 16)]).decode("utf-8", "backslashreplace")
        return self._inner.decode([index], skip_special_tokens=False)


def _stories_in(text: str) -> list[tuple[int, str]]:
    """Split a typed text at END into (start, story); one at the beginning opens the first story."""
    start, found = 0, []
    while text.startswith(END, start):
        start += len(END)
    for part in text[start:].split(END):
        found.append((start, part))
        start += len(part) + len(END)
    return found


def _first_bytes(stories: Iterable[str], limit: int) -> Iterator[str]:
    seen = 0
    for story in stories:
        yield story
        seen += len(story.encode())
        if seen >= limit:
            return
