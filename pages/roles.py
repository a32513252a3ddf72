"""Do neurons have roles?"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from app import cache, selection, show, trust
from app.figures.intervals import intervals
from app.figures.roles import activation_by_label, shares_by_layer
from app.scoring import Work
from slm.lens.protagonist import STORIES as MENTIONING
from slm.lens.protagonist import Estimate, ProtagonistTest, Trial
from slm.lens.roles import STORIES, Finding, Roles
from slm.stories.labelled import NURSERY

ROLES, PROTAGONIST = "Roles", "The protagonist test"
VIEWS = (ROLES, PROTAGONIST)
OWN_NURSERY, SHIPPED, OWN_FILE = (
    "nursery stories: roles",
    "shipped stories: word classes",
    "a corpus",
)
EACH = 3  # neurons shown of each label, where all labels are
MORE = 12
WAIT = 0.4  # seconds until a bar is shown


def number(value: float) -> float | None:
    """A number for a table: empty where there is none."""
    return None if math.isnan(value) else round(value, 3)


def corpus() -> str:
    """Which stories are read, and hence by which labels."""
    chosen = st.selectbox(
        "Read", [OWN_NURSERY, SHIPPED, OWN_FILE], key="read_roles", bind="query-params", width=250
    )
    if chosen != OWN_FILE:
        return NURSERY if chosen == OWN_NURSERY else "shipped"
    return st.text_input(
        "Corpus", placeholder="a path, or tinystories", key="corpus", bind="query-params",
        help="A .txt with <|endoftext|> between stories, .jsonl, .parquet, or a known name.",
    ).strip()  # fmt: skip


def progress(asked: Mapping[str, Work[Any]]) -> None:
    """How far the work for each model has come, and a way to end it."""
    running = {address: work for address, work in asked.items() if work.running}
    if not running:
        st.rerun()
    for address, work in running.items():
        left = work.seconds_left
        told = "" if left is None else f", about {show.duration(left)} left"
        st.progress(min(work.share, 1.0), show.plain(f"{address}: {work.doing}{told}"))
    if st.button("Cancel", key="cancel-roles"):
        for work in running.values():
            work.cancel()


def ended(address: str, work: Work[Any], stories: int, corpus: str | None) -> None:
    """Say why there is no result, and offer to begin again."""
    if work.error:
        st.error(show.sentence(work.error))
    else:
        st.info("Cancelled.")
    if st.button("Begin again", key=f"again-{address}"):
        cache.again(address, stories, corpus)
        st.rerun()


def headline(found: Roles) -> None:
    """The answer in a sentence."""
    confirmed = sum(int(layer.confirmed.sum()) for layer in found.layers)
    total = sum(len(layer.confirmed) for layer in found.layers)
    shuffled = max(layer.shuffled_share for layer in found.layers)
    dealt = max(layer.dealt_share for layer in found.layers)
    st.markdown(
        f"**{confirmed:,} of {total:,}** neurons of {show.plain(str(found.address))} "
        f"({confirmed / total:.0%}) have a confirmed role. "
        f"Where labels mean nothing, at most {max(shuffled, dealt):.1%} of a layer pass."
    )


def by_layer(all_found: Mapping[str, Roles]) -> None:
    """The share of neurons with a confirmed role in each layer, models side by side."""
    shares = {
        address: [
            (layer.share, max(layer.shuffled_share, layer.dealt_share)) for layer in found.layers
        ]
        for address, found in all_found.items()
    }
    one = next(iter(all_found.values()))
    show.figure(
        shares_by_layer(shares, show.colours()),
        name="roles-by-layer-" + "-".join(all_found),
        note=f"{one.stories} stories, {one.words:,} words. Meaningless labels: the greater of what "
        "labels shuffled within stories and labels dealt to other words come to",
        table=lambda: show.csv(
            ("model", "layer", "confirmed", "labels shuffled", "labels dealt to other words"),
            (
                (address, at, layer.share, layer.shuffled_share, layer.dealt_share)
                for address, found in all_found.items()
                for at, layer in enumerate(found.layers)
            ),
        ),
        everything=partial(everything, all_found),
    )


def rules() -> None:
    """How a role is confirmed."""
    with st.popover("When is a role confirmed?"):
        st.markdown(
            "A neuron's role is chosen on half of the stories, and there on half of the different "
            "words: the label whose words excite it most surely. It is confirmed where the other half "
            "of the stories says so twice:\n"
            "1. **The places.** Of two words at about the same place of a story, how often does the one "
            "with the role excite it more (AUC)? The whole 95 % interval over stories must lie above "
            "what the luckiest of all neurons and labels reaches when labels are shuffled within "
            "stories.\n"
            "2. **The words.** The AUC over the different words that it was not chosen on, each counted "
            "once, must be one that shuffled labels reach once in a hundred. A detector of a few words "
            "fails here.\n\n"
            "*Same word* holds the word fixed: where it is 0.5, only the word decides."
        )


def everything(all_found: Mapping[str, Roles]) -> str:
    """All confirmed roles and the best neurons of every label, as JSON."""
    data = [
        {
            "address": address,
            "stories": found.stories,
            "words": found.words,
            "labels": [
                {
                    "label": name,
                    "words": int(found.counts[at]),
                    "different_words": int(found.different[at]),
                    "best": [plain(one) for one in found.best(at, MORE)],
                }
                for at, name in enumerate(found.names)
            ],
            "confirmed": [plain(one) for one in found.confirmed()],
        }
        for address, found in all_found.items()
    ]
    return json.dumps(data, ensure_ascii=False, indent=1)


def plain(one: Finding | Estimate) -> dict[str, Any]:
    """A dataclass of numbers for JSON, which knows no NaN."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(one).items()
    }


def pick(key: str, table: str, rows: Sequence[Finding]) -> None:
    """Choose the neuron of the row that was clicked."""
    chosen = st.session_state[table]["selection"]["rows"]
    if chosen:
        st.session_state[key] = f"{rows[chosen[0]].layer}.{rows[chosen[0]].neuron}"


def best(found: Roles, label: str | None, key: str) -> None:
    """The best neurons of each label, or of one."""
    labels = range(len(found.names)) if label is None else [found.names.index(label)]
    rows = [one for at in labels for one in found.best(at, EACH if label is None else MORE)]
    table = f"table-{found.address}"
    st.dataframe(
        {
            "role": [one.label for one in rows],
            "layer": [one.layer for one in rows],
            "neuron": [one.neuron for one in rows],
            "AUC": [number(one.auc) for one in rows],
            "from": [number(one.low) for one in rows],
            "to": [number(one.high) for one in rows],
            "new words": [number(one.unseen) for one in rows],
            "same word": [number(one.same_word) for one in rows],
            "confirmed": [one.confirmed for one in rows],
            "look": [
                f"neurons?a={found.address}&layer={one.layer}&neuron={one.neuron}" for one in rows
            ],
        },
        column_config={
            "AUC": st.column_config.NumberColumn(
                format="%.2f", help="How often a word of this role excites it more than another word "
                "at about the same place of a story, on stories it was not chosen on.",
            ),
            "from": st.column_config.NumberColumn(format="%.2f", help="95 % interval over stories"),
            "to": st.column_config.NumberColumn(format="%.2f", help="95 % interval over stories"),
            "new words": st.column_config.NumberColumn(
                format="%.2f", help="The AUC over different words that it was not chosen on, each "
                "counted once. A detector of a few words comes to 0.5.",
            ),
            "same word": st.column_config.NumberColumn(
                format="%.2f", help="The AUC where only places of one and the same word are compared. "
                "0.5: the word alone decides. Empty: no word occurs both ways.",
            ),
            "look": st.column_config.LinkColumn(display_text="stories", help="What excites it"),
        },
        hide_index=True,
        height=330,
        key=table,
        selection_mode="single-row",
        on_select=partial(pick, key, table, rows),
    )  # fmt: skip
    missing = [found.names[at] for at in labels if not found.best(at, 1)]
    show.footer(
        name=f"roles-{found.address}",
        note=f"{found.address}, blocks.L.mlp.hook_post at the first token of each word, ordered by the "
        "half they were chosen on; click a row for its distribution"
        + (f". Too rare in these stories: {', '.join(missing)}" if missing else ""),
        table=lambda: show.csv(
            tuple(plain(rows[0])) if rows else ("label",),
            (tuple("" if v is None else v for v in plain(one).values()) for one in rows),
        ),
    )


def distribution(found: Roles, key: str) -> None:
    """One neuron's activations on words of each label."""
    written = st.text_input(
        "Neuron (layer.neuron)", key=key, bind="query-params", placeholder=first(found), width=190
    )
    layer, neuron = read(found, written or first(found))
    there = found.layers[layer]
    role = int(there.role[neuron])
    name = found.names[role] if role >= 0 else None
    if name is None:
        st.markdown(f"Neuron {layer}.{neuron} was given no role.")
    else:
        one = found.finding(role, layer, neuron)
        st.markdown(
            f"Neuron {layer}.{neuron}, chosen as **{show.plain(name)}**: AUC {one.auc:.2f} "
            f"({one.low:.2f} to {one.high:.2f}), bar {there.bar[role]:.2f}; "
            f"new words {said(one.unseen)}, bar {said(float(there.unseen_bar[role]))}; "
            f"same word {said(one.same_word)}. "
            + ("**Confirmed.**" if one.confirmed else "Not confirmed.")
        )
    quantiles = there.quantiles[:, neuron]
    show.figure(
        activation_by_label(quantiles, found.names, name, show.colours()),
        name=f"activation-{found.address}-layer{layer}-{neuron}",
        note=f"{found.address}, blocks.{layer}.mlp.hook_post, neuron {neuron}, on the stories it was "
        "not chosen on: middle half, median, and 5 to 95 %. Orange: its role",
        table=lambda: show.csv(
            ("label", "words", "5 %", "25 %", "50 %", "75 %", "95 %"),
            (
                (label, int(found.counts[at]), *(f"{value:.5f}" for value in quantiles[at]))
                for at, label in enumerate(found.names)
                if found.counts[at]
            ),
        ),
    )


def first(found: Roles) -> str:
    """The clearest confirmed neuron; where there is none, the first."""
    confirmed = found.confirmed()
    return f"{confirmed[0].layer}.{confirmed[0].neuron}" if confirmed else "0.0"


def read(found: Roles, written: str) -> tuple[int, int]:
    """Layer and neuron from `2.933`; raises `BadInput` where the model has no such neuron."""
    return selection.layer_and_neuron(written, len(found.layers), len(found.layers[0].role))


def said(value: float) -> str:
    """A number in words, also where there is none."""
    return "not measurable" if math.isnan(value) else f"{value:.2f}"


def protagonist(address: str, found: ProtagonistTest) -> None:
    """The verdict on the best protagonist-first neuron, and what it rests on."""
    names = {f"{one.layer}.{one.neuron}": one for one in found.trials}
    chosen = st.selectbox(
        "Neuron, best first", list(names), key=f"tried-{address}", width=190,
        format_func=lambda name: f"{name}  ({names[name].verdict})",
    )  # fmt: skip
    trial = names[chosen or next(iter(names))]
    st.markdown(
        f"Neuron {trial.layer}.{trial.neuron}: **{show.plain(trial.verdict)}**, because "
        f"{show.plain(trial.why)}."
    )
    rows = [one for one in trial.means if one.count]
    high = max((one.high for one in (*rows, *trial.conditions)), default=1.0)
    low = min(0.0, *(one.low for one in (*rows, *trial.conditions)))
    limits = (low - 0.05 * (high - low), high + 0.05 * (high - low))
    for title, shown, where in (
        ("In nursery stories", rows, "stories"),
        ("At the end of sentences alike but for one thing", trial.conditions, "sentences"),
    ):
        st.markdown(f"**{title}**")
        show.figure(
            intervals(
                [(f"{one.name} ({one.count})", one.value, one.low, one.high) for one in shown],
                show.colours(), "mean activation", limits,
            ),
            name=f"protagonist-{where}-{address}-{trial.layer}.{trial.neuron}",
            note=f"{address}, blocks.{trial.layer}.mlp.hook_post, neuron {trial.neuron}: means with "
            "95 % intervals, on stories it was not chosen on"
            if where == "stories"
            else "The same names in every condition, at about the same place; intervals over names",
            table=partial(numbers, trial),
            everything=partial(as_json, found),
        )  # fmt: skip
    st.dataframe(
        {
            "what is compared": [one.name for one in (*trial.contrasts, *trial.effects)],
            "measure": ["AUC"] * len(trial.contrasts)
            + ["difference of activation"] * len(trial.effects),
            "value": [number(one.value) for one in (*trial.contrasts, *trial.effects)],
            "from": [number(one.low) for one in (*trial.contrasts, *trial.effects)],
            "to": [number(one.high) for one in (*trial.contrasts, *trial.effects)],
        },
        hide_index=True,
    )
    st.caption(
        "The neuron was chosen on the other half of the stories, by how well it tells first mentions "
        "from other words at the same place and from later mentions."
    )


def numbers(trial: Trial) -> str:
    """Every number of a trial as CSV."""
    parts = {
        "mean activation in stories": trial.means,
        "AUC": trial.contrasts,
        "difference of activation in sentences": trial.effects,
        "mean activation in sentences": trial.conditions,
    }
    return show.csv(
        ("measure", "of", "value", "low", "high", "count"),
        (
            (measure, one.name, one.value, one.low, one.high, one.count)
            for measure, ones in parts.items()
            for one in ones
        ),
    )


def as_json(found: ProtagonistTest) -> str:
    """All trials with their verdicts, for the reader's own tools."""
    trials = [
        {
            "layer": trial.layer,
            "neuron": trial.neuron,
            "verdict": trial.verdict,
            "why": trial.why,
            **{
                part: [plain(one) for one in getattr(trial, part)]
                for part in ("means", "contrasts", "effects", "conditions")
            },
        }
        for trial in found.trials
    ]
    data = {"address": str(found.address), "stories": found.stories, "trials": trials}
    return json.dumps(data, ensure_ascii=False, indent=1)


st.title("Do neurons have roles?", anchor=False)
addresses = selection.addresses()
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "Show", VIEWS, default=ROLES, required=True, key="view_roles", bind="query-params"
    )
    source = corpus() if view == ROLES else None
    stories = int(
        st.number_input(
            "Stories", 20, 1000, STORIES if view == ROLES else MENTIONING, 20,
            key="stories" if view == ROLES else "mentioning", bind="query-params", width=120,
            help="More stories, narrower intervals, a longer wait.",
        )
    )  # fmt: skip
if source == "":
    st.info(
        "Name a corpus: a file with stories, or tinystories. Its words are sorted into classes."
    )
    st.stop()
works: dict[str, Work[Any]] = {}
for address in addresses:
    with show.one_line():
        works[address] = (
            cache.protagonist(address, stories)
            if source is None
            else cache.roles(address, source, stories)
        )
for work in works.values():
    work.wait(WAIT)
if any(work.running for work in works.values()):
    st.fragment(partial(progress, works), run_every=0.5)()
results = {address: work.result for address, work in works.items() if work.result is not None}
label = None
if view == ROLES and results:
    for found in results.values():
        headline(found)
    by_layer(results)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox(
            "Role", next(iter(results.values())).names, index=None, key="role", bind="query-params",
            placeholder="the best neurons of every role", width=330,
        )  # fmt: skip
        rules()
for column, address in selection.columns():
    if address not in works:
        continue
    with column, show.one_line():
        found = works[address].result
        if isinstance(found, Roles):
            letter = "unit_a" if address == addresses[0] else "unit_b"
            best(found, label, letter)
            distribution(found, letter)
        elif isinstance(found, ProtagonistTest):
            protagonist(address, found)
        elif not works[address].running:
            ended(address, works[address], stories, source)
for column, address in selection.columns(titled=False):
    with column, show.one_line():
        trust.panel(address)
