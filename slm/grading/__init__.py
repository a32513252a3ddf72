"""Grading of stories by a judge, or a person, in the paper's protocol, with intervals."""
