"""The one error a person can cause: it says in one line which rule was broken and by what."""


class BadInput(ValueError):
    """Something a person gave cannot be used. The message is one line: the rule, then the value."""
