"""Annotation of words: word classes, nursery roles, labels, minimal pairs."""
