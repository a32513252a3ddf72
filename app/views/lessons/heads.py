"""Views of heads and neurons in a lesson: named by measurement, drawn by the figures of their pages."""

import random

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app import cache
from app.figures.attention import attention_map, thumbnails
from app.figures.heads import distance_profiles
from app.figures.intervals import intervals
from app.figures.predictions import by_head
from app.figures.style import config
from app.jobs import waiting
from app.views.lessons.state import presenting
from app.views.lessons.token_guess import tokens_of
from app.widgets import selection, show
from app.widgets.picture_buttons import picture_buttons
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.interp.heads.rows import STORIES
from slm.interp.heads.word_attention import attention_between
from slm.interp.predictions.ablation import ablate_heads
from slm.lessons import views
from slm.lessons.answers import key_position
from slm.lessons.measures.roles import STORIES as TESTED_ON
from slm.lessons.strongest import strongest
from slm.stories.annotation.labelled import NURSERY

Link = dict[str, str]
"""What a page's link holds, to open it in the state of the view."""


def own_text(text: str, **more: object) -> Link:
    """Return the link of a page that shows the reader's own text."""
    return {"story": selection.OWN, "text": text} | {key: str(value) for key, value in more.items()}


ENLARGED = 1.5
"""How much larger figures are in the presenter's view, as its text is."""


def plot(figure: go.Figure, key: str, alt: str) -> None:
    """Show a figure that can be saved as a picture; its page has the numbers. Large for a classroom."""
    large = presenting()
    if large:
        layout = figure.layout
        figure.update_layout(height=ENLARGED * layout.height, font_size=ENLARGED * layout.font.size)
    st.plotly_chart(
        figure, theme=None, key=f"lessons-{key}", config=config(f"lesson-{key}"), alt=alt
    )
    if not large:
        with st.container(horizontal=True, gap="small"):
            picture_buttons(f"lesson-{key}")


def head_of(address: str, kind: str) -> tuple[int, int]:
    """Return the strongest head of a kind, named by a caption."""
    layer, head, _ = strongest(cache.head_scores(address, NURSERY, STORIES), [kind])
    return layer, head


def attention(view: views.ShowAttention, address: str) -> Link:
    """Show the attention of the strongest head of a kind from one token, or its whole map."""
    text = story_that_fits([cache.checkpoint(address)], view.text).text
    layer, head, query, _ = key_position(cache.checkpoint(address), view)
    seen = cache.attention(address, text)
    link = own_text(text, layer=layer, head=head, token=query)
    if view.show == "text":
        story_view(
            [Shown(text=token) for token in tokens_of(address, view)],
            key=f"lessons-text-{address}",
            label="",
            selected=query,
        )
        return link
    pattern = seen.pattern[layer, head]
    if view.show == "map":
        plot(
            attention_map(pattern, seen.str_tokens, show.colours()),
            f"map-{address}",
            f"where head {layer}.{head} looks",
        )
    else:
        row = [float(value) if at <= query else None for at, value in enumerate(pattern[query])]
        story_view(
            [
                Shown(text=token, value=value)
                for token, value in zip(seen.str_tokens, row, strict=True)
            ],
            key=f"lessons-lines-{address}",
            label="is looked at:",
            brightened=True,
            selected=query,
            lines=True,
        )
    st.caption(
        show.plain(
            f"Head {layer}.{head} of {address}: of all its heads the furthest above its control for "
            f"“{view.head}”. Framed: the query token."
        )
    )
    return link


def heads(view: views.ShowHeads, address: str) -> Link:
    """Show every head, small, the strongest of a kind framed."""
    text = story_that_fits([cache.checkpoint(address)], view.text).text
    layer, head = head_of(address, view.head)
    seen = cache.attention(address, text)
    plot(
        thumbnails(seen.pattern, show.colours(), (layer, head)),
        f"heads-{address}",
        f"every head of {address}, small; head {layer}.{head} is framed",
    )
    st.caption(
        show.plain(f"Each row of pictures is a layer. Framed: head {layer}.{head}, “{view.head}”.")
    )
    return own_text(text, layer=layer, head=head)


def distances(view: views.ShowDistances, address: str) -> Link:
    """Show every head's mean attention by distance."""
    scores = cache.head_scores(address, NURSERY, STORIES)
    layer, head = head_of(address, view.head)
    plot(
        distance_profiles(scores.profile, show.colours(), (layer, head)),
        f"distances-{address}",
        f"mean attention by distance; head {layer}.{head} is drawn strongly",
    )
    st.caption(
        show.plain(
            f"A line for each head, on {scores.rows[0]} nursery stories. Strong: {layer}.{head}."
        )
    )
    return {"layer": str(layer), "head": str(head)}


def query_keys(view: views.ShowQueryKeys, address: str) -> Link:
    """Show every head's mean attention from some words to some words."""
    text = story_that_fits([cache.checkpoint(address)], view.text).text
    seen = cache.attention(address, text)
    words = [token.strip().lower() for token in seen.str_tokens]
    keys, queries = (
        np.array([word in some for word in words]) for some in (view.keys, view.queries)
    )
    onto = attention_between(seen.pattern, queries, keys)
    if np.isnan(onto).any():
        raise BadInput(
            f"{' and '.join(view.keys)} are no tokens of this model's, or no query stands after them"
        )
    layer, head = np.unravel_index(int(onto.argmax()), onto.shape)
    plot(
        by_head(onto, show.colours(), "attention"),
        f"words-{address}",
        f"mean attention from {', '.join(view.queries)} to {', '.join(view.keys)}, by head",
    )
    st.caption(
        show.plain(
            f"Mean attention from {', '.join(view.queries)} to {', '.join(view.keys)}. The most: "
            f"head {layer}.{head}, {onto.max():.0%}."
        )
    )
    return own_text(text, layer=int(layer), head=int(head), token=int(np.flatnonzero(queries)[-1]))


def without_heads(view: views.ShowWithoutHeads, address: str) -> Link:
    """Show the ablation effect of each head on a word."""
    model = cache.checkpoint(address)
    pieces = model.tokenizer.encode_words(f" {view.word}")
    tokens = [*model.tokenizer.encode_story(view.text), pieces[0]]
    found = ablate_heads(model, tokens)
    plot(
        by_head(found.loss, show.colours(), "nats"),
        f"without-{address}",
        "what the word loses without each head",
    )
    st.caption(show.plain(f"Blue: without this head “{view.word}” is less likely (nats)."))
    return own_text(view.text + f" {view.word}", token=len(tokens) - 1, view="Ablation")


def neuron(view: views.ShowNeuron, address: str) -> Link:
    """Show a neuron's top activations in the shipped stories."""
    model = cache.checkpoint(address)
    if view.neuron == "random":
        deal = random.Random(address)
        layer = deal.randrange(model.config.n_layers)
        number = deal.randrange(model.config.d_mlp)
    else:
        tested = waiting.result(cache.protagonist(address, TESTED_ON, None), "lessons-neuron")
        if tested is None:
            return {}
        layer, number = tested.trials[0].layer, tested.trials[0].neuron
    for at, example in enumerate(cache.examples(address, layer, number, True)[: view.places]):
        begin, end = max(0, example.position - 12), example.position + 6
        story_view(
            [
                Shown(text=token, value=max(0.0, float(value)))
                for token, value in zip(
                    example.str_tokens[begin:end], example.values[begin:end], strict=True
                )
            ],
            key=f"lessons-place-{address}-{at}",
            label="activation",
            full=float(example.value),
            selected=example.position - begin,
            small=True,
        )
    st.caption(
        show.plain(f"Neuron {layer}.{number} of {address}: where it is highest in our stories.")
    )
    return {"layer": str(layer), "neuron": str(number)}


def protagonist(view: views.ShowProtagonist, address: str) -> Link:
    """Show on which mentions the best protagonist neuron fires."""
    found = waiting.result(cache.protagonist(address, TESTED_ON, None), "lessons-protagonist")
    if found is None:
        return {}
    trial = found.trials[0]
    rows = [(name, one.mean, *one.whiskers) for name, one in trial.fires.items() if one.n]
    plot(
        intervals(rows, show.colours(), "fires on", (0.0, 1.0)),
        f"fires-{address}",
        "how often the neuron fires, by kind of mention",
    )
    st.caption(
        show.plain(f"Neuron {trial.layer}.{trial.neuron}: the share of words on which it fires.")
    )
    return {"roles.view": "The protagonist test"}
