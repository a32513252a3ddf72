"""The formats in which others keep a model: its configuration, and where each tensor goes."""
