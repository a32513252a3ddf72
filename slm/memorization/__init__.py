"""Memorization: overlap with the training text, beside people's endings and held-out stories."""
