"""Weights: their shape, their storage, and the two ways through them (fast and hooked)."""
