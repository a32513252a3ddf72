"""Views of a prediction, one in each file."""
