"""Intervals: bootstrap, proportions, ROC AUC and rates; permutation nulls. Knows no model, no story."""
