"""Terms of the glossary in the app: help texts of widgets, and links to an entry."""

from app.text import plain
from slm.glossary import Term, lookup

PAGE = "glossary"


def help_of(*names: str) -> str:
    """Explain terms in a widget's help, one paragraph each."""
    found = [lookup(name) for name in names]
    return "\n\n".join(f"**{plain(one.term)}**: {plain(one.means)}" for one in found)


def address(term: Term) -> str:
    """The entry's link, from any page."""
    return f"{PAGE}?term={term.slug}"
