"""The token that is asked about, in one model's tokens."""

from dataclasses import dataclass

from app import cache, commands
from app.text import token_shown
from slm.interp.predictions.next_token import NextTokenPredictions, one_token
from slm.stories.tokenizer import END


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A place of a story, what was expected there, and the token asked about."""

    text: str
    found: NextTokenPredictions
    at: int
    word: int

    @property
    def address(self) -> str:
        """The model's."""
        return str(self.found.address)

    @property
    def prompt(self) -> tuple[int, ...]:
        """The tokens before, and the word after them."""
        return (*self.found.tokens[: self.at], self.word)

    @property
    def target(self) -> str:
        """The token asked about, as text."""
        return str(cache.to_str_tokens(self.address, (self.word,))[0])

    def command(self, foil: str | None = None) -> commands.Command:
        """Return the command that takes the prediction apart."""
        return commands.predict(self.address, self.text, self.at, self.target, foil)

    @property
    def before(self) -> str:
        """The story up to the word."""
        return self.text[: self.found.begins[self.at]]


def visible(str_token: str) -> str:
    """Format a token as a person reads and writes it: no space around it, one sign for a line's end."""
    if str_token == END:
        return "the end"
    return token_shown(str_token)


def likely_names(found: NextTokenPredictions, at: int) -> list[str]:
    """Return the most probable tokens at a position, as a person reads them, each once."""
    return list(dict.fromkeys(map(visible, found.likely_str_tokens[at])))


def token_of(found: NextTokenPredictions, at: int, word: str | None) -> int:
    """Return the token that a person means by `word` at a position; None means the one there.

    One that was likely there, else the token of the text itself, after a space where one stood.
    Raises `BadInput` where it is several tokens.
    """
    if word is None:
        return found.tokens[at]
    for token, str_token in zip(found.likely[at], found.likely_str_tokens[at], strict=True):
        if visible(str_token) == word:
            return int(token)
    text = word.replace("⏎", "\n").replace("⇥", "\t").replace("␣", " ")
    if found.str_tokens[at].startswith(" ") and text[:1].isalnum():
        text = " " + text
    return one_token(cache.checkpoint(str(found.address)), text)
