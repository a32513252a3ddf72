"""Explanations of neurons by a judge, scored by detection beside controls."""
