"""A model saved as `transformers` saves it, for the command that imports one."""

from tests.importing.conftest import save

__all__ = ["save"]
