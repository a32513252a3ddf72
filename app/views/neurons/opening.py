"""Which neuron the page opens on: the one with the best confirmed role, unless somebody chose one."""

from app import cache
from app.state import NeuronsState, Shared
from app.widgets import selection


def open_on_best(address: str) -> None:
    """Choose the model's best neuron, before the widgets are made; a link's own always wins.

    Another run moves to its own best as long as the neuron is still the one that was opened. A link
    that names neither layer nor neuron opens the best; of one that names one of them, the other is 0.
    """
    run, opened = address.partition("@")[0], NeuronsState.opened.get()
    layer, neuron = Shared.layer.get(), Shared.neuron.get()
    if opened is None:
        in_link = bool(Shared.layer.in_link() or Shared.neuron.in_link())
        stays = layer is not None or neuron is not None or in_link
    else:
        stays = opened[0] == run or opened[1:] != (layer, neuron)
    if not stays:
        overview = cache.overview(address)
        best = overview.neurons.best if overview is not None else ()
        at = (best[0].layer, best[0].neuron) if best else (0, 0)
        selection.choose_neuron(*at)
        NeuronsState.opened.set((run, *at))
        return
    for control, value in ((Shared.layer, layer), (Shared.neuron, neuron)):
        if value is not None and not control.in_link():
            control.set(
                value
            )  # Streamlit then writes into the link what was set before the widget was
