"""Defaults of head, neuron and story: the best of the shown model, unless somebody chose."""

from app import cache
from app.state import (
    AttentionState,
    Linked,
    NeuronsState,
    PredictionsState,
    SessionValue,
    Shared,
    not_chosen,
)
from app.widgets import selection
from slm.overview.records import LabelledHead
from slm.runs import Address, resolve


def on_best_neuron(address: str) -> None:
    """Choose the neuron with the best confirmed role, before the widgets are made."""
    overview, config = cache.overview(address), cache.checkpoint(address).config
    best = overview.neurons.best if overview is not None else ()
    at = (best[0].layer, best[0].neuron) if best else (0, 0)
    shape = config.n_layers, config.d_mlp
    _open(address, (NeuronsState.layer, Shared.neuron), NeuronsState.opened, at, shape)


def on_best_head(address: str) -> None:
    """Choose the head with the strongest confirmed label, before the widgets are made."""
    config, best = cache.checkpoint(address).config, _labels(address)
    at = (best[0].layer, best[0].head) if best else (0, 0)
    shape = config.n_layers, config.n_heads
    _open(address, (Shared.layer, Shared.head), Shared.opened_head, at, shape)


def where_head_shows(address: str, *, head_in_link: bool) -> None:
    """Choose the story and the token at which a labelled head does most clearly what its label says.

    Nothing is chosen where somebody chose a story, a text or a token, where a link that names a head
    and no story began the session (it means the first story), or where the head has no label.
    """
    opened = AttentionState.opened
    now, before = (Shared.story.get(), Shared.token.get()), opened.get()
    fresh = now == (None, None)
    if fresh and any(one.in_link() for one in (Shared.story, Shared.token, Shared.text)):
        return
    if (fresh and head_in_link and before is None) or (not fresh and now != before):
        return
    head = Shared.layer.get(), Shared.head.get()
    if fresh and head_in_link:  # its widgets come later
        layer, number = Shared.layer.in_link() or "0", Shared.head.in_link() or "0"
        if not (layer.isdecimal() and number.isdecimal()):
            return
        head = int(layer), int(number)
    best = next((one for one in _labels(address) if (one.layer, one.head) == head), None)
    if best is not None and (
        places := cache.head_examples(address, best.layer, best.head, best.kind, best.back)
    ):
        before = places[0].title or selection.OWN, places[0].query
        opened.set(before)
        if not places[0].title:
            Shared.text.set(places[0].text)
    if before is not None:
        Shared.story.set(before[0])
        Shared.token.set(before[1])
        not_chosen(Shared.story, Shared.token, Shared.text)


def before_something_learnt(address: str) -> str | None:
    """Return the checkpoint of the same run after which most was learnt; None where that is this one."""
    run, step = resolve(address)
    overview = cache.overview(run.name)
    if overview is None or overview.pair is None or overview.pair.earlier == step:
        return None
    return str(Address(run.name, overview.pair.earlier))


def on_largest_ablation(address: str) -> None:
    """Choose the token with the largest confirmed ablation effect, before the widgets are made.

    Nothing is chosen where somebody chose a story, a text or a token, or where the link that began the
    session names one of them, a view or a word. Another run moves to its own as long as what was
    opened still stands.
    """
    overview, run = cache.overview(address), address.partition("@")[0]
    opened = PredictionsState.opened
    now, before = (Shared.story.get(), Shared.token.get()), opened.get()
    if now == (None, None):
        own = (
            Shared.story,
            Shared.token,
            Shared.text,
            PredictionsState.view,
            PredictionsState.word,
        )
        if any(one.in_link() for one in (own[:3] if before else own)):
            return
    elif before is None or now != before[1:]:
        return
    if (before is None or before[0] != run) and overview is not None and overview.prediction:
        best = overview.prediction.ablated
        before = run, best.story, best.token
        opened.set(before)
    if before is not None:
        Shared.story.set(before[1])
        Shared.token.set(before[2])
        not_chosen(Shared.story, Shared.token, Shared.text)


def _labels(address: str) -> tuple[LabelledHead, ...]:
    overview = cache.overview(address)
    return () if overview is None else overview.heads.confirmed


def _open(
    address: str,
    controls: tuple[Linked[int], Linked[int]],
    opened: SessionValue[tuple[str, int, int]],
    best: tuple[int, int],
    shape: tuple[int, int],
) -> None:
    """Choose the best (layer, unit) where nobody chose one; a link's own always wins.

    Another run moves to its own best as long as what was opened still stands. A link that names
    neither opens the best; of one that names one of them, the other is 0.
    """
    run, before = address.partition("@")[0], opened.get()
    now = controls[0].get(), controls[1].get()
    if now == (None, None):
        stays = any(one.in_link() for one in controls)
    else:
        stays = before is None or before[0] == run or before[1:] != now
        stays &= all(value is None or value < size for value, size in zip(now, shape, strict=True))
    if not stays:
        opened.set((run, *best))
        now = best
    for control, value in zip(controls, now, strict=True):
        if value is not None and not (stays and control.in_link()):
            control.set(value)  # before its widget is made, so that the link says it
    if opened.get() == (run, *now):
        not_chosen(*controls)
