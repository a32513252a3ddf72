"""The commands of interpretability: attention, heads, neurons, roles, explain, predict, check."""
