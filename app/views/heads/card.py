"""A head's card: label and proof, how far back it looks, its strongest examples, links to them."""

from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st

from app import cache, commands
from app.figures.heads import head_profile, proof
from app.text import token_shown
from app.views.heads.panels import Tested, proof_names, triples
from app.widgets import selection, show
from app.widgets.story_view import Shown, story_view
from slm.interp.heads.card import HeadCard, head_card
from slm.interp.heads.examples import HeadExample
from slm.interp.heads.targets import HeadLabel

PROVEN = 3
"""Labels whose proof is drawn."""
AROUND, FAR = 3, 14
"""Tokens shown around the key and the query, and how far apart they stand for what is between to go."""


def card(tested: Tested, layer: int, head: int) -> None:
    """Show a head's card on one screen; narrow enough for two side by side."""
    scores, atlas, at = tested.scores, tested.atlas, (layer, head)
    address = str(scores.address)
    found = head_card(scores, atlas, layer, head, partial(cache.head_examples, address))
    with st.container(key=f"card-{address}", gap="small"):
        st.markdown(f"**Head {layer}.{head}.** " + says(found))
        kinds = [scores.kinds.index(one.kind) for one in found.labels[:PROVEN]]
        if kinds:
            names = [proof_names(tested, at)[kind] for kind in kinds]
            measured = [
                None if of is None else [triples(of, at)[kind] for kind in kinds]
                for of in (
                    scores.score,
                    scores.baseline,
                    None if atlas is None else atlas.ablation_on_target,
                    None if atlas is None else atlas.ablation_off_target,
                )
            ]
            score, baseline, on_target, off_target = measured
            st.plotly_chart(
                proof(
                    names,
                    score or [],
                    baseline or [],
                    on_target,
                    off_target,
                    show.colours(),
                    small=True,
                ),
                theme=None,
                key=f"card-proof-{address}",
                config={"displayModeBar": False},
                alt=f"scores of head {layer}.{head} beside their baselines, and its ablation effects",
            )
        examples(found)
        st.plotly_chart(
            head_profile(scores.profile[at], show.colours()),
            theme=None,
            key=f"card-profile-{address}",
            config={"displayModeBar": False},
            alt=f"mean attention of head {layer}.{head} by distance",
        )
        show.footer(
            name=f"card-{address}-layer{layer}-head{head}",
            table=partial(tested.csv, at),
            everything=found.to_json,
            command=commands.head_card(address, scores.corpus, scores.rows[0], layer, head),
        )


def says(found: HeadCard) -> str:
    """Say the first label with its numbers and the names of the others, or that there is none."""
    scores, atlas, at = found.scores, found.atlas, (found.layer, found.head)
    if found.labels:
        first, *others = found.labels
        verdict = "not tested yet"
        if atlas is not None:
            verdict = "confirmed" if first.confirmed else "not confirmed"
        place = (*at, scores.kinds.index(first.kind))
        words = [
            f"**{show.plain(first.name)}**, {verdict}: {scores.score.mean[place]:.0%} of its attention "
            f"(baseline {scores.baseline.mean[place]:.0%})"
        ]
        if atlas is not None:
            words[0] += f", ablation effect {atlas.effect.at(place, 0).to_text('+.2f')} nats"
        words[0] += "."
        names = [
            show.plain(one.name) + ("" if one.confirmed else ", unconfirmed") for one in others
        ]
        words += [f"Also {'; '.join(names)}."] if names else []
        return " ".join(words)
    words = ["Unclassified: no score clearly beats its baseline."]
    if atlas is not None:
        anywhere = (*at, scores.kinds.index(HeadLabel.PREVIOUS))
        everywhere = atlas.ablation_on_target.at(anywhere, 0).to_text("+.3f")
        words.append(f"Ablated, it costs {everywhere} nats a token anywhere in a story.")
    return " ".join(words)


def examples(found: HeadCard) -> None:
    """Show the first label's strongest examples as strips, with links to two other pages."""
    address = str(found.scores.address)
    for rank, one in enumerate(found.examples):
        looked = show.plain(word_of(one.str_tokens, one.key))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width=112):
                st.caption(f"**{one.weight:.0%}** at “{looked}”")
            with st.container(width="stretch"):
                shown = list(strip(one))
                story_view(
                    [token for token, _ in shown],
                    key=f"card-example-{address}-{rank}",
                    label="is looked at:",
                    brightened=True,
                    selected=[at for _, at in shown].index(one.query),
                    small=True,
                )
    if found.examples:
        one, head = found.examples[0], {"layer": str(found.layer), "head": str(found.head)}
        story = {"story": one.title or selection.OWN} | ({} if one.title else {"text": one.text})
        with st.container(horizontal=True, gap="medium"):
            st.page_link(
                "../pages/attention.py",
                label="This place on Attention",
                query_params={"a": address, **story, **head, "token": str(one.query)},
            )
            st.page_link(
                "../pages/predictions.py",
                label="The next token without this head",
                query_params={
                    "a": address,
                    **story,
                    "token": str(one.query + 1),
                    "view": "Ablation",
                },
            )


def word_of(str_tokens: Sequence[str], at: int) -> str:
    """Return the word that a token is of, where words are written with letters; else the token."""
    if not str_tokens[at].strip().isalpha():
        return token_shown(str_tokens[at])
    first = last = at
    while (
        first > 0
        and not str_tokens[first].startswith(" ")
        and str_tokens[first - 1].strip().isalpha()
    ):
        first -= 1
    while last + 1 < len(str_tokens) and str_tokens[last + 1].isalpha():
        last += 1
    return token_shown("".join(str_tokens[first : last + 1]))


def strip(one: HeadExample) -> Iterator[tuple[Shown, int]]:
    """Format the tokens around key and query with their positions; `…` stands for what is between."""
    last = min(one.query + 2, len(one.str_tokens))
    places: Sequence[int] = range(max(0, one.key - AROUND), last)
    if one.query - one.key > FAR:
        places = [*places[: 2 * AROUND + 1], -1, *range(one.query - AROUND, last)]
    for at in places:
        if at < 0:
            yield Shown(text=" …"), at
        else:
            value = float(one.attention[at]) if at <= one.query else None
            yield Shown(text=one.str_tokens[at].replace("\n", "⏎"), value=value), at
