"""`slm heads`: what each head does, and the proof."""

import argparse
import math
from functools import partial
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched

if TYPE_CHECKING:
    from slm.interp.heads.atlas import HeadAtlas
    from slm.interp.heads.card import HeadCard


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "heads", _heads, "Labels of heads by what they attend to, tested by ablation."
    )
    sub.add_argument(
        "--corpus",
        default="nursery",
        help="stories that are read: nursery (whose roles are known), or any corpus (word classes)",
    )
    sub.add_argument("--stories", type=int, default=64, help="how many stories are read")
    sub.add_argument("--all", action="store_true", help="print heads without a label too")
    sub.add_argument(
        "--head",
        default="",
        help="print one head's card: its labels with their proof, its attention by distance, and "
        "where it does most clearly what its first label says; written layer.head, such as 2.7",
    )
    words = commands.add(
        "query-keys",
        _query_keys,
        "Mean attention from words to words beside shuffled places: the paper's Figures 6 to 8.",
    )
    words.add_argument(
        "--stories",
        type=int,
        default=300,
        help="nursery stories, 0 for the text of the figures alone",
    )


def _query_keys(chosen: argparse.Namespace) -> None:
    from slm.interp.heads.kept import measured_scores
    from slm.interp.heads.query_keys import query_keys, query_keys_in_stories
    from slm.interp.heads.rows import STORIES
    from slm.runs import load_checkpoint
    from slm.stories.annotation.labelled import NURSERY

    checkpoint = load_checkpoint(chosen.address)
    found = query_keys(checkpoint, measured_scores(checkpoint, NURSERY, STORIES))
    data, parts = found.to_json(), [("in the text", found.found, found.shuffled, found.keys)]
    if chosen.stories:
        told = watched(query_keys_in_stories(checkpoint, found.averaged, stories=chosen.stories))
        data["nursery_stories"] = told.to_json()
        name = f"in {told.stories} nursery stories"
        parts.append((name, told.found.mean, told.shuffled.mean, told.keys))

    def text() -> str:
        lines = ["mean distance, and how far back a head clearly looks"]
        for layer, head in found.heads:
            back = found.by_distance.get((layer, head))
            clearly = "" if back is None else f"  {back} back"
            lines.append(f"{layer}.{head:<4} {found.mean_distance[layer, head]:6.1f}{clearly}")
        heads = " ".join(f"{layer}.{head}" for layer, head in found.averaged)
        lines.append(f"attention (at shuffled places), mean over heads {heads}")
        for name, of, control, keys in parts:
            lines.append(f"{name:26}" + "".join(f"{key:>18}" for key in keys))
            for row, query in enumerate(found.queries):
                pairs = zip(of[row], control[row], strict=True)
                cells = (f"{one:.1%} ({other:.1%})" for one, other in pairs)
                lines.append(f"{query:26}" + "".join(f"{cell:>18}" for cell in cells))
        return "\n".join(lines)

    answer(chosen, data, text)


def _heads(chosen: argparse.Namespace) -> None:
    from slm.interp.heads.card import head_card, layer_and_head
    from slm.interp.heads.examples import head_examples
    from slm.interp.heads.kept import measured_atlas
    from slm.interp.heads.table import heads_json
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    one = layer_and_head(chosen.head, checkpoint.config) if chosen.head else None
    atlas = watched(measured_atlas(checkpoint, corpus=chosen.corpus, stories=chosen.stories))
    if one is not None:
        card = head_card(atlas.scores, atlas, *one, partial(head_examples, checkpoint))
        answer(chosen, card.to_json(), lambda: _card(card))
        return
    answer(chosen, heads_json(atlas.scores, atlas), lambda: _table(atlas, every=chosen.all))


def _card(card: "HeadCard") -> str:
    found = card.to_json()
    most = found["peak"]
    lines = [
        f"{found['address']} on {found['stories']} stories of {found['corpus']}: head "
        f"{card.layer}.{card.head} looks most at {most['distance']} tokens back "
        f"({most['attention']:.1%} on average)"
    ]
    for label in found["labels"]:
        lines.append(f"{label['name']}, {'confirmed' if label['confirmed'] else 'unconfirmed'}")
        for name in ("score", "baseline", "ablation_on_target", "ablation_off_target", "effect"):
            mean, low, high = (math.nan if one is None else one for one in label[name])
            lines.append(f"  {name.replace('_', ' '):20} {mean:8.3f} ({low:.3f} to {high:.3f})")
    if not found["labels"]:
        lines.append("no label: no score clearly beats its baseline")
    lines += [
        f"{one['query_token']!r} ({one['query']}) looks at {one['key_token']!r} ({one['key']}) with "
        f"{one['attention']:.0%} in “{one['story'][:60]}”"
        for one in found["examples"]
    ]
    return "\n".join(lines)


def _table(atlas: "HeadAtlas", *, every: bool) -> str:
    from slm.interp.heads.atlas import labels
    from slm.interp.heads.scores import LEAST_ROWS

    scores, confirmed = atlas.scores, atlas.confirmed()
    layers, heads = scores.distance.shape
    with_label, every_label = scores.is_significant().any(-1), labels(scores, confirmed)
    wide = 2 + max(
        (len(one.name) for row in every_label for head in row for one in head), default=20
    )
    lines = [
        f"{atlas.address} on {scores.rows[0]} stories of {scores.corpus}: {layers * heads} heads, "
        f"{int(confirmed.any(-1).sum())} with a confirmed label, "
        f"{int((with_label & ~confirmed.any(-1)).sum())} unconfirmed, "
        f"{int((~with_label).sum())} unclassified",
        f"head   {'label':{wide}} attention  baseline  difference (95 %)"
        "       effect of switching it off, nats (95 %)",
    ]
    for layer in range(layers):
        for head in range(heads):
            mine = every_label[layer][head]
            if not mine and every:
                lines.append(f"{f'{layer}.{head}':6} unclassified")
            for label in mine:
                at = layer, head, scores.kinds.index(label.kind)
                above, effect = scores.difference, atlas.effect
                cost = (
                    "not measured"
                    if math.isnan(effect.mean[at])
                    else f"{effect.mean[at]:+.3f} ({effect.low[at]:+.3f} to {effect.high[at]:+.3f})"
                )
                lines.append(
                    f"{f'{layer}.{head}':6} {label.name:{wide}} {scores.score.mean[at]:9.1%} "
                    f"{scores.baseline.mean[at]:9.1%}  {above.mean[at]:6.1%} "
                    f"({above.low[at]:.1%} to {above.high[at]:.1%})".ljust(wide + 58)
                    + cost
                    + ("" if label.confirmed else "  unconfirmed")
                )
    rare = [kind for kind, rows in zip(scores.kinds, scores.rows, strict=True) if rows < LEAST_ROWS]
    if rare:
        lines.append(f"too rare in these stories to be measured: {', '.join(rare)}")
    return "\n".join(lines)
