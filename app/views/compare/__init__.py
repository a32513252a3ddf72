"""The views of the page that compares two models, a file a view."""
