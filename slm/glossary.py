"""The glossary: each term of the field that the app uses, explained once.

Help texts, the Glossary page, links in lessons and `docs/glossary.md` are made of `glossary.yaml`.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from slm.errors import BadInput, shown
from slm.reading import read_text, typed
from slm.yaml_files import read_yaml

FILE = Path(__file__).with_name("glossary.yaml")


@dataclass(frozen=True, kw_only=True)
class Term:
    """One entry. `means` is one plain sentence; `seen` are the addresses of pages that show it."""

    term: str
    means: str
    also: tuple[str, ...] = ()
    formula: str = ""
    unit: str = ""
    seen: tuple[str, ...] = ()
    source: str = ""

    @property
    def slug(self) -> str:
        """The term as it stands in a link: `logit-lens`."""
        return slug(self.term)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Terms that belong together, under a heading."""

    group: str
    terms: tuple[Term, ...]


def slug(name: str) -> str:
    """Write a term as links do: lower case, with a hyphen for whatever is no letter or digit."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@cache
def groups() -> tuple[Group, ...]:
    """Read the glossary, in the order of its file."""
    found = read_yaml(FILE.name, read_text(FILE))
    return tuple(typed(list[Group], found, FILE.name))


def terms() -> tuple[Term, ...]:
    """Return all entries, in the order of the file."""
    return tuple(term for group in groups() for term in group.terms)


def lookup(name: str) -> Term:
    """Find an entry by its term, another name of it, or as a link writes it.

    Raises `BadInput` where there is none.
    """
    found = _by_slug().get(slug(name))
    if found is None:
        raise BadInput(f"the glossary has no term {shown(name)}")
    return found


@cache
def _by_slug() -> dict[str, Term]:
    other = {slug(name): term for term in terms() for name in term.also}
    return other | {term.slug: term for term in terms()}


def search(text: str) -> tuple[Term, ...]:
    """Find the entries in whose text all words of `text` occur; those named so come first."""
    words = text.lower().split()

    def all_in(*texts: str) -> bool:
        return all(word in " ".join(texts).lower() for word in words)

    found = [one for one in terms() if all_in(one.term, *one.also, one.means, one.formula)]
    return tuple(sorted(found, key=lambda one: not all_in(one.term, *one.also)))


def find(text: str) -> tuple[Term, ...]:
    """Find the entry of this name (as in a link), else all that `search` finds."""
    named = _by_slug().get(slug(text))
    return search(text) if named is None else (named,)


def as_markdown() -> str:
    """Write the whole glossary as a document."""
    lines = ["# Glossary", "", "Made from `slm/glossary.yaml` by `slm glossary --markdown`."]
    for group in groups():
        lines += ["", f"## {group.group}", ""]
        for one in group.terms:
            also = f" ({', '.join(one.also)})" if one.also else ""
            lines.append(f'- <a id="{one.slug}"></a>**{one.term}**{also}: {one.means}')
            about = [f"`{one.formula}`"] if one.formula else []
            about += [f"in {one.unit}"] if one.unit else []
            about += [f"seen on: {', '.join(one.seen)}"] if one.seen else []
            about += [f"source: {one.source}"] if one.source else []
            if about:
                lines.append(f"  {'; '.join(about)}.")
    return "\n".join(lines) + "\n"
