"""Roles of neurons: labelled words, held-out confirmation, random directions as the control."""
