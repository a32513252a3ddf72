"""The confirmed labels of a checkpoint's heads, from the head atlas."""

import numpy as np

from slm.interp.heads.atlas import HeadAtlas
from slm.overview.records import HeadsOverview, LabelledHead


def labelled_heads(atlas: HeadAtlas) -> HeadsOverview:
    """Collect every confirmed label of an atlas, by the lower end of the ablation effect's interval."""
    scores, confirmed = atlas.scores, atlas.confirmed()
    layers, heads, kinds = confirmed.shape
    found = []
    for layer, head in np.ndindex(layers, heads):
        for label in atlas.labels(layer, head):
            if not label.confirmed:
                continue
            at = layer, head, scores.kinds.index(label.kind)
            numbers = (
                scores.score.mean,
                scores.baseline.mean,
                atlas.effect.mean,
                atlas.effect.low,
                atlas.effect.high,
            )
            score, baseline, effect, low, high = (round(float(part[at]), 4) for part in numbers)
            found.append(
                LabelledHead(
                    layer=layer,
                    head=head,
                    kind=label.kind,
                    name=label.name,
                    score=score,
                    baseline=baseline,
                    effect=effect,
                    effect_low=low,
                    effect_high=high,
                )
            )
    highest = {
        scores.kinds[kind]: round(float(scores.difference.mean[..., kind].max()), 4)
        for kind in range(kinds)
        if np.isfinite(scores.difference.mean[..., kind]).all() and not confirmed[..., kind].any()
    }
    ordered = sorted(found, key=lambda one: -one.effect_low)
    return HeadsOverview(count=layers * heads, confirmed=tuple(ordered), highest=highest)
