"""Interpretability: attention, heads, neurons, roles, predictions, interventions, and self-checks."""
