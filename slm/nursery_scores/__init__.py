"""Exact measures on the nursery: they measure its world, not English."""
