"""One neuron: its summary, its extreme places, its distribution, and the logits it moves."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import streamlit as st

from app import cache, commands
from app.cache.neurons import Known
from app.figures import neurons as figures
from app.views.neurons import panels
from app.widgets import selection, show
from app.widgets.story_view import Shown, story_view
from slm.interp.neurons.activations import Example, ranked_hook, ranked_name
from slm.interp.neurons.distributions import histogram
from slm.interp.neurons.index import Index
from slm.interp.neurons.summary import NeuronSummary

STRONGEST, WEAKEST = "highest", "lowest"
AROUND = 24  # tokens shown on either side of the place
BARS = 60
SHARES = {"1 %": 0.01, "50 %": 0.5, "95 %": 0.95, "99 %": 0.99, "99.9 %": 0.999}


def name_of(address: str) -> str:
    """Name what a model's neurons are ranked by."""
    return ranked_name(cache.checkpoint(address).config)


def hook_of(address: str, layer: int) -> str:
    """Return the hook that holds what a layer's neurons are ranked by."""
    return f"blocks.{layer}.mlp.{ranked_hook(cache.checkpoint(address).config)}"


def fires(address: str, known: Known, layer: int, neuron: int) -> str:
    """Say how often a neuron fires, its rank in the layer, and its maximum."""
    index, rates = known.index, known.index.fires[layer]
    if rates[neuron] == 0:
        return f"**Dead**: never above 0 in {index.n_tokens:,} tokens."
    less = float((rates < rates[neuron]).mean())
    return (
        f"Fires on **{rates[neuron]:.2%}** of tokens, more often than {less:.0%} of its layer; "
        f"{name_of(address)} at most {index.highest[layer, neuron]:+.2f}."
    )


def over(known: Known) -> str:
    """Say which corpus was read, and what is wrong with the index."""
    read = f"Over {known.index.n_tokens:,} tokens of {known.index.corpus}."
    if known.complaint:
        return f"{read} {known.complaint.split('; build')[0]}."
    return read if known.built else f"{read} A corpus says more: press Build index."


def summary(address: str, known: Known, layer: int, neuron: int) -> None:
    """Show a neuron's summary in three lines."""
    written = cache.neuron_writes(address, layer, neuron)
    promotes, suppresses = (
        ", ".join(panels.word(str_token) for str_token, _ in part[:4])
        for part in (written.promotes, written.suppresses)
    )
    st.markdown(
        f"{fires(address, known, layer, neuron)}  \n"
        f"Firing, it makes {promotes} likelier and {suppresses} less likely."
    )
    st.caption(show.plain(over(known)))


def place(example: Example, name: str, title: str, full: float, key: str) -> None:
    """Show one example in its story, its tokens coloured by activation."""
    first = max(0, example.position - AROUND)
    last = min(len(example.str_tokens), example.position + AROUND + 1)
    act = round(example.activation, 3) + 0.0  # no minus before a zero
    output = "" if name == "activation" else f", activation {act:.3f}"
    st.caption(
        f"{name} **{example.value:+.2f}**{output} · {show.plain(title)}, token {example.position}"
    )
    story_view(
        [
            Shown(text=str_token, value=float(value))
            for str_token, value in zip(
                example.str_tokens[first:last], example.values[first:last], strict=True
            )
        ],
        key=key,
        label=name,
        scale="which way",
        full=full,
        selected=example.position - first,
        small=True,
    )


def title(known: Known, story: int) -> str:
    """Name a story of an index."""
    return f"story {story:,}" if known.built else list(cache.shipped_stories())[story]


def places(
    address: str, known: Known, layer: int, neuron: int, *, strongest: bool, full: float
) -> None:
    """Show the most extreme activations, one in a story."""
    found, name = cache.examples(address, layer, neuron, strongest), name_of(address)
    for rank, example in enumerate(found):
        place(example, name, title(known, example.story), full, f"place-{address}-{rank}")
    show.footer(
        name=f"neuron-{address}-layer{layer}-{neuron}",
        table=partial(numbers, name, known, found),
        everything=partial(everything, address, known, layer, neuron, found),
        command=commands.top_activations(
            address, layer, neuron, len(found), built=known.built, strongest=strongest
        ),
        note=f"{address}, {hook_of(address, layer)}, neuron {neuron}: its "
        f"{STRONGEST if strongest else WEAKEST} {name} in each story"
        + ("" if strongest else ", where it is inhibited most")
        + ", every position counted, the same eight tokens shown once. Blue is above 0 (it fires), "
        f"orange below; full colour is {full:.3g}, the same for all stories and models here.",
    )


def numbers(name: str, known: Known, found: Sequence[Example]) -> str:
    """Format the examples as CSV, a line for each token: what they are ranked by, and `hook_post`."""
    columns = list(dict.fromkeys((name, "activation")))  # a gated neuron's are the same

    def rows() -> Iterator[tuple[object, ...]]:
        for rank, one in enumerate(found):
            numbers = {name: one.values, "activation": one.activations}
            for at, str_token in enumerate(one.str_tokens):
                shown = (f"{numbers[column][at]:.5f}" for column in columns)
                yield rank, title(known, one.story), at, str_token, *shown, int(at == one.position)

    return show.csv(("rank", "story", "position", "str_token", *columns, "extreme"), rows())


def everything(
    address: str, known: Known, layer: int, neuron: int, found: Sequence[Example]
) -> dict[str, Any]:
    """Return a neuron's summary, and its examples with every token of their stories."""
    summary = NeuronSummary(
        checkpoint=cache.checkpoint(address),
        index=known.index,
        writes=cache.neuron_writes(address, layer, neuron),
    )
    places = [
        {
            **one.to_json(),
            "title": title(known, one.story),
            "str_tokens": one.str_tokens,
            "values": one.values.round(5),
            "activations": one.activations.round(5),
        }
        for one in found
    ]
    return {**summary.to_json(), "examples": places} if found else summary.to_json()


def percentiles(index: Index, layer: int, neuron: int) -> dict[str, float]:
    """Name the percentiles of a neuron's values."""
    found = index.percentiles(layer, neuron, list(SHARES.values()))
    return dict(zip(SHARES, found, strict=True))


def how_often(
    address: str, known: Known, layer: int, neuron: int, limits: tuple[float, float]
) -> None:
    """Show the histogram with its percentiles, and the neuron's rank in its layer."""
    index, name = known.index, name_of(address)
    marks = percentiles(index, layer, neuron)
    edges, tokens = histogram(index.counts[layer, neuron], *limits, BARS)
    show.figure(
        figures.spread(edges, tokens, marks, show.colours(), name),
        name=f"spread-{address}-layer{layer}-{neuron}",
        table=lambda: show.csv(
            (f"{name} from", "to", "tokens"),
            (
                (f"{low:.5f}", f"{high:.5f}", f"{count:.1f}")
                for low, high, count in zip(edges, edges[1:], tokens, strict=False)
            ),
        ),
        everything=partial(everything, address, known, layer, neuron, []),
        command=commands.neuron(address, layer, neuron, built=known.built),
        note=f"{address}, {hook_of(address, layer)}, neuron {neuron}: "
        + ", ".join(f"{part} of tokens not above {value:.2f}" for part, value in marks.items())
        + ". Counted in bins of at most 1/32 of the distance from 0 + 1/8; 0 is an edge.",
    )
    show.figure(
        figures.firing(index.fires[layer], neuron, show.colours(), layer),
        name=f"firing-{address}",
        key=f"firing-{address}",
        command=commands.find_neurons(address, "rare", built=known.built),
        on_pick=lambda point: selection.choose_neuron(layer, int(point["customdata"])),
        table=partial(extremes_csv, name, index),
        note=f"{address}: each point is a neuron, by the share of tokens on which its {name} is above "
        "0; click one to see it. The file holds every layer.",
    )


def extremes_csv(name: str, index: Index) -> str:
    """Format all neurons as CSV, with their extremes."""
    layers, width = index.fired.shape
    return show.csv(
        ("layer", "neuron", "fires", f"lowest {name}", f"highest {name}"),
        (
            (
                layer,
                neuron,
                f"{index.fires[layer, neuron]:.7f}",
                f"{index.lowest[layer, neuron]:.5f}",
                f"{index.highest[layer, neuron]:.5f}",
            )
            for layer in range(layers)
            for neuron in range(width)
        ),
    )


def writing(address: str, known: Known, layer: int, neuron: int) -> None:
    """Show the neuron's logit effect: the tokens it raises and lowers."""
    found = cache.neuron_writes(address, layer, neuron)
    both = [*found.promotes, *reversed(found.suppresses)]
    show.figure(
        figures.tokens_written(both, show.colours()),
        name=f"writes-{address}-layer{layer}-{neuron}",
        table=lambda: show.csv(
            ("token", "logit minus the mean logit"), ((p, f"{v:.5f}") for p, v in both)
        ),
        command=commands.neuron(address, layer, neuron, built=known.built),
        note=f"{address}, layer {layer}, neuron {neuron}: its row of W_out through the final norm's "
        "gain (centred) and W_U, less the mean over the vocabulary, on its own way to the end: "
        "what later layers make of it is not in it. Divided by the stream's size at the place.",
    )
