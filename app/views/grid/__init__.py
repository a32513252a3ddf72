"""Views of the page of width and depth."""
