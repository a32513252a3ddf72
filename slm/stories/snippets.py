"""Snippets of stories, cut around a token."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """Some tokens of a story in a row. `peak` is the one that matters, where there is one."""

    str_tokens: tuple[str, ...]
    peak: int | None = None

    @property
    def text(self) -> str:
        """The snippet as it reads."""
        return "".join(self.str_tokens)

    @property
    def marked(self) -> str:
        """The snippet with its peak between « and »."""
        if self.peak is None:
            return self.text
        str_token = self.str_tokens[self.peak]
        word = str_token.lstrip(" ")
        space = str_token[: len(str_token) - len(word)]
        before, after = self.str_tokens[: self.peak], self.str_tokens[self.peak + 1 :]
        return f"{''.join(before)}{space}«{word}»{''.join(after)}"

    @property
    def token(self) -> str:
        """The token at the peak; empty where there is none."""
        return "" if self.peak is None else self.str_tokens[self.peak]


@dataclass(frozen=True, kw_only=True)
class NeuronSnippets:
    """A neuron by example: its strongest places in some stories, and a quiz about others.

    `shown` are for explaining it. `max_activating` are its strongest places in stories that `shown` has
    none of, and `non_activating` are snippets of yet other stories in which it stays low throughout. It
    fires (is above 0) at the peak of every snippet that is shown or max-activating.
    """

    layer: int
    neuron: int
    shown: tuple[Snippet, ...]
    max_activating: tuple[Snippet, ...]
    non_activating: tuple[Snippet, ...]
