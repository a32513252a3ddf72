"""Home: models as cards, and what is worth seeing of the model shown."""
