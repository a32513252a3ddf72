"""Predictions: logit lens, direct logit attribution, ablation, patching, interventions."""
