"""Casting: who and what is in a story, drawn so that all of it fits its plot."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from slm.stories.nursery.book import Book, KindEntry, Plot, ThingEntry
from slm.stories.nursery.page import INTRODUCTIONS, Alternatives, Cast, Person, Thing

T = TypeVar("T")
Draw = Callable[[], float]

ELDERS = {  # kind: sex, how it is addressed
    "mom": ("f", "Mom"),
    "dad": ("m", "Dad"),
    "grandma": ("f", "Grandma"),
    "grandpa": ("m", "Grandpa"),
    "mother": ("f", "Mother"),
    "father": ("m", "Father"),
    "aunt": ("f", "Auntie"),
    "uncle": ("m", "Uncle"),
}
YOUNG = (*ELDERS, "mom", "mom", "dad", "dad")  # whom the young turn to: parents most of all
WISE = ("owl", "turtle", "woman", "man", "goose", "badger", "crow", "elephant", "goat")
FRIENDS = {"child": ("child",), "animal": ("animal",), "grown": ("grown", "child")}
NOTHING = Alternatives(())  # a field that this character has no use for


def cast_for(book: Book, plot: Plot, draw: Draw) -> Cast:
    """Fill the parts of `plot`."""
    introduction = INTRODUCTIONS[int(draw() * 3)]
    hero = _person(book, plot.heroes, draw, named=introduction != "unnamed", without=())
    friends = plot.friends or frozenset(FRIENDS[hero.tag])
    named = draw() < (0.8 if introduction != "unnamed" else 0.4)
    friend = _person(book, friends, draw, named=named, without=(hero,))
    elder = _elder(book, hero, friend, draw)
    one, other = _things(book, plot, hero, draw)
    return Cast(
        people={"hero": hero, "friend": friend, "elder": elder},
        things={"thing": one, "thing2": other},
        place=_one([place for place in book.places if place.side in plot.sides], draw),
        activity=_one(book.activities, draw),
        introduction=introduction,
        quiet=draw() < 0.2,
    )


def _one(choices: Sequence[T], draw: Draw) -> T:
    return choices[int(draw() * len(choices))]


def _person(
    book: Book, tags: frozenset[str], draw: Draw, *, named: bool, without: tuple[Person, ...]
) -> Person:
    """Draw a character of one of these classes, unlike those who are there."""
    tag = _one(sorted(tags), draw)
    kinds = [kind for kind in book.kinds if tag in kind.classes]
    if tag == "child" and draw() < 0.7:
        kinds = [kind for kind in kinds if kind.noun in ("girl", "boy")]
    if tag != "child" or not all((named, *(other.name for other in without))):
        kinds = [kind for kind in kinds if kind.noun not in {other.kind for other in without}]
    kind = _one(kinds, draw)
    sex = _one(kind.sexes, draw)
    pool = book.names["girls" if sex == "f" else "boys"]
    if kind.tag == "animal" and draw() < 0.6:
        pool = book.names["pets"]
    name = _one(
        [name for name in pool if all(name[0] != (other.name or "?")[0] for other in without)], draw
    )
    return _of_kind(kind, sex, name if named else None, book.traits[kind.tag], draw)


def _of_kind(
    kind: KindEntry, sex: str, name: str | None, traits: Sequence[str], draw: Draw
) -> Person:
    adjective = _one(kind.adjectives, draw)
    return Person(
        name=name,
        kind=kind.noun,
        sex=sex,
        tag=kind.tag,
        adjective=adjective,
        trait=_one([trait for trait in traits if trait != adjective], draw),
        home=kind.home,
        looks=kind.looks,
    )


def _elder(book: Book, hero: Person, friend: Person, draw: Draw) -> Person:
    """Draw the one who knows more: a relative of the young, or somebody wise and old."""
    if hero.tag != "grown" and draw() < 0.85:
        kind = _one(YOUNG, draw)
        sex, call = ELDERS[kind]
        return Person(
            name=None,
            kind=kind,
            sex=sex,
            tag="grown",
            adjective="kind",
            trait="wise",
            home=NOTHING,
            looks=NOTHING,
            call=call,
        )
    noun = _one([noun for noun in WISE if noun not in (hero.kind, friend.kind)], draw)
    entry = next(kind for kind in book.kinds if kind.noun == noun)
    wise = _of_kind(entry, _one(entry.sexes, draw), None, ("wise",), draw)
    return replace(wise, adjective=_one(("old", "wise", "kind"), draw))


def _things(book: Book, plot: Plot, hero: Person, draw: Draw) -> tuple[Thing, Thing]:
    """Draw two different things of the classes that the plot is about."""
    fitting = [
        thing
        for thing in book.things
        if plot.things & thing.classes
        and not plot.without & thing.classes
        and not (hero.tag == "grown" and "toy" in thing.classes)
    ]
    first = _one(fitting, draw)
    second = _one([thing for thing in fitting if thing is not first], draw)
    return _thing(first, draw), _thing(second, draw)


def _thing(entry: ThingEntry, draw: Draw) -> Thing:
    return Thing(
        noun=entry.noun,
        adjective=_one(entry.adjectives, draw),
        use=_one(entry.uses, draw),
        parts=entry.parts,
    )
