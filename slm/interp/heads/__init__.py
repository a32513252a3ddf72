"""Attention heads: scores beside shuffled attention, confirmed by ablation."""
