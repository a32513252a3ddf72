"""Text: where stories come from, until they are tokens. Knows no model."""
