"""YAML files as people give them: plain data, each value written out where it stands."""

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


def read_yaml(name: str, text: str) -> object:
    """What a YAML (or JSON) file called `name` holds. Raises `BadInput` where it is none."""
    try:
        return yaml.load(text, Loader=_WithoutAliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{name} cannot be read: {one_line(str(error), 300)}") from None
