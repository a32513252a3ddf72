"""Measures of stories that need no judge: grammar, consistency, creativity, age."""
