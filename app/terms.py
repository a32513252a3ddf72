"""Terms of the glossary in the app: help texts of widgets, and links to an entry."""

from app.text import plain
from slm.glossary import Term, lookup

PAGE = "glossary"


def help_of(*names: str, also: str = "") -> str:
    """Explain glossary terms in a widget's help, one paragraph each; `also` is the widget's own."""
    found = [lookup(name) for name in names]
    told = [f"**{plain(one.term)}**: {plain(one.means)}" for one in found]
    return "\n\n".join([*told, also] if also else told)


def address(term: Term) -> str:
    """Return the link to an entry, from any page."""
    return f"{PAGE}?term={term.slug}"
