"""Rules of a file that a person wrote: each returns what it checks, or complains with file and line."""

from collections.abc import Callable
from typing import Any, NoReturn

from slm.errors import BadInput, shown
from slm.yaml_files import Placed


class Rules:
    """Rules of a lesson file."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, line: int, rule: str) -> NoReturn:
        """Raise `BadInput` naming file, line and rule."""
        raise BadInput(f"{self.file} line {line}: {rule}")

    def object(
        self, placed: Placed, what: str, *, required: tuple[str, ...], allowed: tuple[str, ...]
    ) -> dict[str, Placed]:
        """Require an object with the `required` and no other than the `allowed` fields."""
        fields: dict[str, Placed] = self.a(dict, placed, what)
        for name, item in fields.items():
            if name not in (*required, *allowed):
                self.fail(
                    item.line,
                    f"{what} has {', '.join((*required, *allowed))}, and no {shown(name)}",
                )
        for name in required:
            if name not in fields:
                self.fail(placed.line, f"{what} needs {name}")
        return fields

    def a(self, kind: Any, placed: Placed, what: str) -> Any:
        """Require a value of type `kind`; text must not be empty."""
        if type(placed.value) is not kind or (kind is str and not placed.value.strip()):
            in_words = {str: "text", int: "a whole number", list: "a list", dict: "an object"}[kind]
            self.fail(placed.line, f"{what} must be {in_words}, not {shown(placed.plain())}")
        return placed.value

    def optional(self, fields: dict[str, Placed], name: str) -> str:
        """Return a text field; empty where it is missing."""
        return str(self.a(str, fields[name], name)).strip() if name in fields else ""

    def one_of(self, placed: Placed, known: Any, what: str) -> str:
        """Require a name among `known`."""
        name = self.a(str, placed, what)
        if name not in known:
            self.fail(placed.line, f"{what} is one of {', '.join(known)}, not {shown(name)}")
        return str(name)

    def ruled(self, placed: Placed, rule: Callable[[Any], Any]) -> Any:
        """Apply `rule` to a value; its `BadInput` gets the line number."""
        try:
            return rule(placed.value)
        except BadInput as error:
            self.fail(placed.line, str(error))
