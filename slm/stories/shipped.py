"""Stories and openings in our own words, which ship with the package and are what pages show first."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

from slm.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class ShippedStory:
    """A hand-written story."""

    title: str
    text: str


@cache
def stories() -> tuple[ShippedStory, ...]:
    """Read the shipped stories."""
    found = []
    for part in _read("stories.txt").split("\n===\n"):
        title, _, text = part.strip().removeprefix("# ").partition("\n\n")
        found.append(ShippedStory(title=title, text=text))
    return tuple(found)


def story(title: str) -> ShippedStory:
    """Return the shipped story called `title`; `BadInput` where there is none."""
    for candidate in stories():
        if candidate.title == title:
            return candidate
    raise BadInput(f"there is no shipped story {title!r}")


@cache
def openings() -> tuple[str, ...]:
    """Return the shipped story openings; most stop in mid-sentence."""
    return tuple(part.strip() for part in _read("openings.txt").split("\n\n"))


def _read(name: str) -> str:
    return resources.files("slm.stories.texts").joinpath(name).read_text(encoding="utf-8")
