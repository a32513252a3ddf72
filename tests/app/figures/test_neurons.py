"""Neurons as points: filled where the role is confirmed, coloured by layer or by the control."""

import math

import pytest

from app.figures.neurons import NeuronPoint, every_neuron
from app.theme import LIGHT


def point(layer: int, auc: float, threshold: float | None, *, confirmed: bool) -> NeuronPoint:
    return NeuronPoint(
        layer=layer,
        neuron=3,
        fires=0.1,
        role="name",
        auc=auc,
        threshold=threshold,
        confirmed=confirmed,
        tokens="Tom",
    )


POINTS = [point(0, 0.6, 0.7, confirmed=False), point(2, 0.95, 0.7, confirmed=True)]


def test_a_confirmed_role_is_filled_whatever_the_colour_says() -> None:
    for colour_by in ("confirmed", "layer", "AUC above shuffled labels"):
        traces = every_neuron(POINTS, LIGHT, colour_by).data
        assert [trace.marker.symbol for trace in traces] == ["circle-open", "circle"]
        assert [list(trace.y) for trace in traces] == [[0.6], [0.95]]


def test_colour_by_layer_spans_the_layers_shown() -> None:
    figure = every_neuron(POINTS, LIGHT, "layer")
    assert [list(trace.marker.color) for trace in figure.data] == [[0], [2]]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 2)


def test_colour_by_the_control_is_white_where_shuffled_labels_reach_as_much() -> None:
    points = [*POINTS, point(1, 0.8, None, confirmed=False)]
    figure = every_neuron(points, LIGHT, "AUC above shuffled labels")
    below, above = (list(trace.marker.color) for trace in figure.data)
    assert below == pytest.approx([-0.1, math.nan], nan_ok=True)
    assert above == pytest.approx([0.25])
    axis = figure.layout.coloraxis
    assert axis.cmin == -axis.cmax == pytest.approx(-0.25)
