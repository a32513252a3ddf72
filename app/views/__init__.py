"""Views that one page uses, a folder for each page."""
