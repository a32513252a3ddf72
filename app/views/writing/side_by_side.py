"""Completions of one opening by several models, a row a model: Figures 6 to 8 of the paper."""

from collections.abc import Sequence

import streamlit as st

from app import cache, commands
from app.jobs import waiting
from app.state import WritingState
from app.views.writing import prompt as prompt_choice
from app.widgets import corpus_picker, selection, show
from slm.generation.sampler import Completion
from slm.generation.side_by_side import (
    SPREAD,
    TEMPERATURES,
    ModelCompletions,
    SideBySide,
    spread,
)
from slm.runs import Address, list_runs
from slm.text import in_html

MOST = 12
"""How many models may be chosen."""

STYLE = """<style>
.completions { width: 100%; table-layout: fixed; border-collapse: collapse; font-size: 0.92rem;
  line-height: 1.4; }
.completions caption { text-align: left; padding: 0 0.6rem 0.3rem; font-weight: 600;
  font-family: "Source Serif", Georgia, serif; }
.completions th { text-align: left; font-weight: 600; padding: 0.3rem 0.6rem; vertical-align: top;
  overflow-wrap: anywhere; }
.completions tbody > tr > * { border-top: 1px solid #8884; }
.completions th.model { width: 15%; }
.completions td { padding: 0.3rem 0.6rem; vertical-align: top; }
.completions .story { max-height: 5.2rem; overflow-y: auto; overflow-wrap: anywhere;
  white-space: pre-wrap; font-family: "Source Serif", Georgia, serif; }
.completions .quiet { display: block; font-weight: 400; opacity: 0.8; font-size: 0.85em; }
@media (max-width: 40rem) { .completions th.model { width: 26%; } }
</style>"""


def side_by_side(addresses: Sequence[str]) -> None:
    """Show what models of several sizes make of one opening, at temperature 0 and at 1."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = _chosen_models(addresses)
        if not chosen:
            st.info("Choose at least one model.")
            return
        opening = prompt_choice.choose([cache.checkpoint(address) for address in chosen])
        sampling = selection.sampling(with_temperature=False)
    show.note(opening.note)
    key = WritingState.models.key
    if not corpus_picker.wait_if_more(key, len(chosen), SPREAD + 1, f"{len(chosen)} models"):
        return
    work = cache.completions(tuple(chosen), opening.text, sampling, TEMPERATURES)
    found = waiting.result(work, "completions")
    if found is None:
        return
    st.html(table(found))
    vocabularies = {model.vocabulary for model in found.models}
    show.footer(
        name="completions-" + "-".join(chosen)[:80],
        table=lambda: as_csv(found),
        everything=found.to_json,
        command=commands.completions(found),
        note="All write with the same seed; one opening says how a model writes, not how well. "
        "Validation loss in nats per token"
        + (", which can't be ranked across vocabularies." if len(vocabularies) > 1 else "."),
    )


def _chosen_models(addresses: Sequence[str]) -> list[str]:
    """Choose the models; at first A among runs of other sizes, and B."""
    first = list(dict.fromkeys([*spread(addresses[0]), *addresses]))
    last = [
        str(Address(run.name, run.last_step)) for run in list_runs() if run.last_step is not None
    ]
    return st.multiselect(
        "Models",
        list(dict.fromkeys([*first, *last])),
        first,
        **WritingState.models.of(".".join(addresses)).bound,
        max_selections=MOST,
        width="stretch",
        on_change=corpus_picker.more,
        args=(WritingState.models.key,),
        help="At first model A among runs of other sizes with its tokenizer and training corpus.",
    )


def table(found: SideBySide) -> str:
    """Format HTML: a row for each model, a column for each temperature."""
    heads = "".join(
        f"<th scope='col'>Temperature {temperature:g}</th>" for temperature in found.temperatures
    )
    rows = "".join(
        f"<tr>{_head(model)}{''.join(map(_cell, model.completions))}</tr>" for model in found.models
    )
    return "".join(
        [
            f"{STYLE}<table class='completions'><caption>{in_html(found.prompt)} …</caption>",
            f"<thead><tr><th scope='col' class='model'>Model</th>{heads}</tr></thead>",
            f"<tbody>{rows}</tbody></table>",
        ]
    )


def _head(model: ModelCompletions) -> str:
    told = [model.shape, f"{show.count(model.parameters)} parameters"]
    told += [] if model.val_loss is None else [f"loss {model.val_loss:.3f}"]
    quiet = "".join(f"<span class='quiet'>{in_html(one)}</span>" for one in told)
    return f"<th scope='row' class='model'>{in_html(model.address)}{quiet}</th>"


def _cell(one: Completion) -> str:
    story = in_html(one.text.strip())
    return (
        f"<td><div class='story' tabindex='0'>{story}</div>"
        f"<span class='quiet'>{len(one.tokens)} tokens, {in_html(one.stopped)}</span></td>"
    )


def as_csv(found: SideBySide) -> str:
    """Format every completion as CSV."""
    return show.csv(
        ("address", "parameters", "val_loss", "temperature", "completion", "tokens", "stopped"),
        (
            (
                model.address,
                model.parameters,
                "" if model.val_loss is None else model.val_loss,
                temperature,
                one.text,
                len(one.tokens),
                one.stopped,
            )
            for model in found.models
            for temperature, one in zip(found.temperatures, model.completions, strict=True)
        ),
    )
