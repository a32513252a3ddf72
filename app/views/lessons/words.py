"""A lesson's words as markdown of Streamlit's: terms are links, **bold** is bold, all else is text."""

import re

import streamlit as st

from app.terms import address
from app.text import plain
from slm.glossary import lookup
from slm.lessons.reading import TERM

_PARTS = re.compile(rf"({TERM.pattern}|\*\*[^*]+\*\*)")


def markdown(words: str) -> str:
    """Convert untrusted words to markdown, paragraph by paragraph."""
    return "\n\n".join(map(_paragraph, re.split(r"\n\s*\n", words.strip())))


def _paragraph(words: str) -> str:
    found, at = [], 0
    for match in _PARTS.finditer(words):
        found += [_plain(words[at : match.start()]), _marked(match[0])]
        at = match.end()
    return "".join([*found, _plain(words[at:])])


def _plain(words: str) -> str:
    """Escape text between two marks, keeping the spaces at its ends."""
    inner = plain(words)
    before = " " if words[:1].isspace() else ""
    after = " " if words[-1:].isspace() and inner else ""
    return f"{before}{inner}{after}"


def _marked(mark: str) -> str:
    if term := TERM.fullmatch(mark):
        entry = lookup(term[1])
        return f"**[{plain(term[2] or term[1])}](/{address(entry)})**"
    return f"**{plain(mark.strip('*'))}**"


def say(words: str) -> None:
    """Show a step's words."""
    st.markdown(markdown(words), anchors=False)
