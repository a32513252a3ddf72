"""Try a tokenizer on a few texts: its own library's ids against ours, and each text there and back."""

from collections.abc import Iterable
from pathlib import Path

import tokenizers

from slm.errors import shown
from slm.stories.tokenizer import Tokenizer

TEXTS = (
    "Tom ran",
    "Once upon a time, there was a little fox. \"Hi!\" said Tom. It's 3 o'clock, isn't it?",
    "TOM Ran",
    " Tom",
    "   Tom",
    "Tom  ran",
    "Tom ",
    "Tom\nran\n\nhome",
    "\nTom",
    "Tom\tran\r\n",
    "\u201cNo\u201d \u2014 she said\u2026",
    "na\u00efve Zo\u00eb",
    "nai\u0308ve Zoe\u0308",  # the same with combining marks
    "\ufb01ne \uff21\u00bd",
    "\u96ea\u3002 \u0645\u0631\u062d\u0628\u0627 \U0001f642\U0001f469\u200d\U0001f680",
    "a\u00a0b\u2028c\u3000d\u200be",
    "".join(map(chr, range(0x21, 0x7F))),
    "".join(map(chr, range(0x20))),
    "".join(map(chr, range(0x7F, 0x800))),
    "".join(chr(high << 12 | 0x9AB) for high in range(1, 16) if high != 0xD),
    "".join(chr(high << 18 | 0x1BCDE) for high in range(4)) + "\U0010fffd",
)
"""Short ones that each show one habit, and at last every byte that UTF-8 has."""
NEVER = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))
"""Bytes that no text in UTF-8 holds."""
TOLD = 3
"""Of how many texts that come back changed a note tells."""


def readable(tokenizer: Tokenizer, texts: Iterable[str] = TEXTS) -> list[str]:
    """Keep the texts whose every character has tokens."""
    return [text for text in texts if tokenizer.unread_in(text) is None]


def cut_otherwise(theirs: tokenizers.Tokenizer, ours: Tokenizer) -> list[str]:
    """Return the texts whose ids differ from the original library's, special tokens aside."""
    theirs.encode_special_tokens = True
    return [
        text
        for text in readable(ours)
        if theirs.encode(text, add_special_tokens=False).ids != ours.encode_story(text)[1:]
    ]


def habits(ours: Tokenizer, theirs: tokenizers.Tokenizer | None = None) -> tuple[str, ...]:
    """Describe what a tokenizer cannot read, changes, or reads otherwise than its own library."""
    notes = [
        *_unread(ours),
        *_changed(ours),
        *([] if theirs is None else _special(theirs, ours)),
    ]
    return tuple(notes)


def against_sentencepiece(path: Path, ours: Tokenizer) -> tuple[str, ...]:
    """Compare with the SentencePiece model beside a tokenizer, where its library is installed."""
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError:
        return ()
    try:
        piece = SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError):
        return (f"{path.name} beside it is no SentencePiece model that can be read.",)
    for text in readable(ours):
        if piece.encode(text) != ours.encode_story(text)[1:]:
            return (
                f"{path.name} beside it cuts {shown(text)} otherwise; its tokenizer.json is what is used.",
            )
    return ()


def _unread(ours: Tokenizer) -> Iterable[str]:
    """Note the characters or bytes without a token, where UTF-8 text may contain them."""
    if ours.characters:
        yield (
            "Its tokens are single characters: a text that holds another one is refused, and the "
            "line's end is what opens and ends a story."
        )
    lost = ours.unread - NEVER
    if not lost:
        return
    printable = "".join(chr(byte) for byte in sorted(lost) if 0x20 <= byte < 0x7F)
    beyond = "some characters" if set(range(0x80, 0xF5)) - NEVER - lost else "any character"
    kinds = [f"one of {shown(printable)}"] * bool(printable)
    kinds += ["a control character"] * any(byte < 0x20 or byte == 0x7F for byte in lost)
    kinds += [f"{beyond} beyond ASCII"] * (max(lost) >= 0x80)
    yield (
        f"Its tokenizer has no token for {len(ours.unread)} of the 256 bytes; a text that holds "
        f"{' or '.join(kinds)} is refused, so that nothing is lost unsaid."
    )


def _changed(ours: Tokenizer) -> Iterable[str]:
    """Note the texts that do not round-trip."""
    found = []
    for text in sorted(readable(ours), key=len):
        if (back := ours.decode(ours.encode_story(text))) != text:
            found.append(f"{shown(text)} is read as {shown(back)}")
    if found:
        more = f" (and {len(found) - TOLD} more of {len(TEXTS)})" if len(found) > TOLD else ""
        yield (
            f"Its tokenizer changes texts: {', '.join(found[:TOLD])}{more}. Bits per byte are over the "
            "text as it is read."
        )
    if any(not ours.decode(ours.encode(text)).endswith(text) for text in readable(ours, (" ran",))):
        yield "Its tokenizer loses the space before a word that goes on with a story."


def _special(theirs: tokenizers.Tokenizer, ours: Tokenizer) -> Iterable[str]:
    """Note special tokens that its own library reads from text and this tokenizer does not."""
    theirs.encode_special_tokens = False
    for text in readable(ours):
        if theirs.encode(text, add_special_tokens=False).ids != ours.encode_story(text)[1:]:
            yield (
                f"{shown(text)} holds one of its special tokens, which a text yields there; here a "
                "text yields none."
            )
            return
