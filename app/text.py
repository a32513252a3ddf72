"""Escaping of foreign text for Streamlit's markdown and for plotly, as the characters it is.

`slm.text` has the same for HTML, CSV and a terminal; there is no other way to show it on a page.
"""

import html
import re

from slm.errors import LONGEST_MESSAGE, one_line
from slm.stories.tokenizer import END
from slm.text import visible

_CUT, _MARK = ":color[]", "\ue000"
_ACTIVE = re.compile(
    r"(?<=:)(?=\S)"  # icons, emoji, colours, addresses
    r"|(?<=@)(?=[-\w]+\.[-\w])"  # mail
    r"|(?<=www)(?=\.)"
    r"|(?<=[<>~-])(?=[<>=-])",  # arrows
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Escape `text` in one line, with nothing in it that Streamlit would read as markdown.

    What markdown reads is escaped. What Streamlit replaces after that, in the text that came out
    (icons, emoji, arrows, bare addresses), is cut in two by a directive that shows nothing.
    """
    line = visible(re.sub(r"[ \t\r\n]+", " ", text).strip(" "))
    line = _ACTIVE.sub(_MARK, line)  # a private character: `visible` left none
    line = re.sub(r"^\d+(?=[.)])", rf"\g<0>{_MARK}", line)  # a list
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:^&-])", r"\\\1", line).replace(_MARK, _CUT)


def sentence(text: str) -> str:
    """Return `plain` text with a capital where it begins with a word and not with a name."""
    return plain(text[:1].upper() + text[1:] if re.match(r"[a-z]+ ", text) else text)


def complaint(error: Exception | str) -> str:
    """Return `sentence` of an error, cut to a line whatever it quotes."""
    return sentence(one_line(str(error), LONGEST_MESSAGE))


def in_plotly(text: str) -> str:
    """Escape `text` in one line for plotly: no tag, entity or field."""
    return html.escape(visible(text), quote=False).replace("%{", "%&#123;")


def token_shown(str_token: str) -> str:
    """Format a token as one visible line: `▸` opens a story, spaces alone are `␣`."""
    if str_token == END:
        return "▸"
    line = visible(str_token.replace("\n", "⏎").replace("\t", "⇥"))
    return line.strip(" ") or "␣" * len(line)
