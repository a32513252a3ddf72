"""YAML files as people give them: plain data, each value written out where it stands."""

from dataclasses import dataclass
from typing import Any

import yaml

from slm.errors import BadInput, one_line


class _WithoutAliases(yaml.SafeLoader):
    """A safe loader that refuses aliases: a few lines of them make gigabytes of the same value."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(
                f"line {event.start_mark.line + 1} has the alias *{event.anchor}; "
                "write its value out instead"
            )
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class Placed:
    """A value of a file and the line that it stands in; lists and objects hold `Placed` values."""

    value: Any
    line: int

    def plain(self) -> Any:
        """Return the value without line numbers."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def read_yaml(name: str, text: str) -> object:
    """Parse YAML (or JSON) `text`; `BadInput` naming `name` where it is neither."""
    try:
        return yaml.load(text, Loader=_WithoutAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{name} cannot be read: {one_line(str(error), 300)}") from None


def read_placed(name: str, text: str) -> Placed:
    """Parse YAML `text`, with the line of each value.

    Raises `BadInput`, naming file and line, where it is no YAML, a key is no text, or stands twice.
    """
    loader = _WithoutAliases(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise BadInput(f"{name} line 1: it is empty")
        return _placed(name, loader, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or error.context or "it is no YAML"
        raise BadInput(f"{name} line {line}: {one_line(problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise BadInput(f"{name} line {line}: {error.reason}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        told = one_line(str(error), 300)
        at, alias, rest = told.partition(" has the alias")
        told = f"{at}: it{alias}{rest}" if alias else f"line 1: {told}"
        raise BadInput(f"{name} {told}") from None
    finally:
        loader.dispose()


def _placed(name: str, loader: yaml.SafeLoader, node: yaml.Node) -> Placed:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Placed([_placed(name, loader, item) for item in node.value], line)
    if not isinstance(node, yaml.MappingNode):
        return Placed(loader.construct_object(node), line)
    found: dict[str, Placed] = {}
    for key_node, item in node.value:
        key, at = _placed(name, loader, key_node).plain(), key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise BadInput(f"{name} line {at}: a key is text, not {one_line(repr(key))}")
        if key in found:
            raise BadInput(f"{name} line {at}: {one_line(key)} stands twice")
        found[key] = Placed(_placed(name, loader, item).value, at)
    return Placed(found, line)
