"""Views of neurons' roles, one in each file."""
