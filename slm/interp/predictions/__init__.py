"""Why this word? Logit lens, direct logit attribution, ablation, patching, interventions."""
