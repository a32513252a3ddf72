"""Statistics: bootstrap and closed-form intervals, ROC AUC, rates, permutation nulls."""
