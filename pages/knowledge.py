"""What does the model know?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import cache, commands
from app.figures.knowledge import Bar, knowledge
from app.state import KnowledgeState
from app.terms import help_of
from app.views.knowledge.editing import editor, prompts
from app.views.knowledge.judged import judged
from app.views.knowledge.over_training import over_training
from app.views.knowledge.table import KINDS, SIGNS, table
from app.widgets import corpus_picker, models, show
from slm.generation.beam import BEAMS
from slm.knowledge.prompts import VERDICTS
from slm.knowledge.report import KnowledgeReport
from slm.knowledge.scoring import Answer, askable, scores
from slm.knowledge.verdicts import say, with_verdicts
from slm.runs import Address, list_runs, open_run
from slm.text import visible

BY_WORDS, BY_PROBABILITY = "by generation", "by likelihood"
RULE = "by the rule"


def every_address() -> list[str]:
    """All checkpoints there are; the last of each run first."""
    runs = [(run.name, run.steps) for run in list_runs()]
    last = [str(Address(name, steps[-1])) for name, steps in runs if steps]
    return last + [str(Address(name, step)) for name, steps in runs for step in steps[:-1]]


def more_models(chosen: Sequence[str]) -> list[str]:
    """Checkpoints beyond A and B, a column each."""
    others = [address for address in every_address() if address not in chosen]
    picked = st.multiselect(
        "More models",
        others,
        **KnowledgeState.more_models.bound,
        max_selections=6,
        placeholder="other checkpoints or models",
        width=420,
        on_change=corpus_picker.more,
        args=(KnowledgeState.more_models.key,),
    )
    return [*chosen, *picked]


def ask_all(addresses: Sequence[str]) -> dict[str, list[Answer]]:
    """Every model's answers, with what a person said of them; tells how far it has come."""
    asked, note = askable([cache.checkpoint(address) for address in addresses], prompts())
    show.note(note)
    if not asked:
        return {}
    found, bar = {}, st.empty()
    for number, address in enumerate(addresses):
        if len(addresses) > 1:
            bar.progress(number / len(addresses), f"Asking {number + 1} of {len(addresses)} …")
        with show.one_line():
            run = open_run(Address.parse(address).run)
            found[address] = with_verdicts(run, cache.answers(address, asked))
    bar.empty()
    return found


def bars(answers: Sequence[Answer], by: str) -> list[Bar]:
    """A score for each kind of prompt, and what chance would give."""
    return [
        (KINDS[one.kind], one.score, one.by_chance)
        if by == BY_WORDS
        else (KINDS[one.kind], one.preferred, one.guessing)
        for one in scores(answers)
    ]


def numbers(found: dict[str, list[Answer]]) -> str:
    """Every continuation as CSV."""
    rows = (
        (
            address,
            one.prompt.kind,
            one.prompt.prompt,
            one.continuation,
            one.judged,
            one.judged_by,
            "" if one.share is None else round(one.share, 4),
        )
        for address, answers in found.items()
        for one in answers
    )
    header = ("address", "kind", "prompt", "continuation", "verdict", "by", "share_of_right")
    return show.csv(header, rows)


def report(found: dict[str, list[Answer]]) -> KnowledgeReport:
    """All that is told of the models, with which prompts were left out."""
    _, note = askable([cache.checkpoint(address) for address in found], prompts())
    return KnowledgeReport(answers=found, beams=BEAMS, note=note)


def by_hand(found: dict[str, list[Answer]]) -> None:
    """One continuation, to be judged by the reader; the verdict stays with the run."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = st.selectbox("Model", list(found), **KnowledgeState.model.bound, width=220)
        which = st.selectbox(
            "Prompt",
            range(len(found[address])),
            **KnowledgeState.prompt.bound,
            width=520,
            format_func=lambda number: visible(found[address][number].prompt.prompt),
            help=help_of("prompt"),
        )
    one = found[address][which or 0]
    st.markdown(
        f"… **{show.plain(one.continuation) or '(nothing)'}** &nbsp; "
        f"{RULE}: {SIGNS[one.verdict]} {one.verdict}"
    )
    verdict = st.segmented_control(
        "Your verdict",
        [RULE, *VERDICTS],
        default=one.by_person or RULE,
        required=True,
        key=f"verdict-{address}-{hash((one.prompt.prompt, one.continuation))}",
    )
    given = next((name for name in VERDICTS if name == verdict), None)
    if given != one.by_person:
        say(open_run(Address.parse(address).run), one.prompt.prompt, one.continuation, given)
        st.rerun()


st.title("What does the model know?", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    addresses = more_models(models.addresses())
    by = st.segmented_control(
        "Score",
        [BY_WORDS, BY_PROBABILITY],
        default=BY_WORDS,
        required=True,
        **KnowledgeState.score.bound,
        help="By what it writes with 5 beams at temperature 0; or by whether it finds a right answer "
        "likelier than every wrong one.",
    )
    editing = st.toggle("Edit the prompts", **KnowledgeState.edit.bound)
    judging = st.toggle("Ask a judge", **KnowledgeState.judging.bound)
if editing:
    with show.one_line():
        editor()
else:
    for name in dict.fromkeys(Address.parse(address).run for address in models.addresses()):
        with show.one_line():
            over_training(open_run(name), by_likelihood=by == BY_PROBABILITY)
found: dict[str, list[Answer]] = {}
with show.one_line():
    more = len(addresses) - len(models.addresses())
    if corpus_picker.wait_if_more(
        KnowledgeState.more_models.key, more, 0, "more models" if more > 1 else "another model"
    ):
        found = ask_all(addresses)
if found and judging:
    with show.one_line():
        found = judged(found)
if found:
    st.html(table(found, dark=st.context.theme.type == "dark"))
    name = "knowledge-" + "-".join(found)[:80]
    show.figure(
        knowledge(
            {address: bars(answers, by or BY_WORDS) for address, answers in found.items()},
            show.colours(),
        ),
        name=name,
        table=partial(numbers, found),
        everything=partial(report, found),
        command=commands.knowledge(list(found)),
        note="Bars: 95 % intervals over prompts. By chance: "
        + (
            "the same continuations judged by the answers of the other prompts of their kind."
            if by == BY_WORDS
            else "one of the listed right and wrong answers picked blindly."
        ),
    )
    if st.toggle("Judge by hand", **KnowledgeState.by_hand.bound):
        with show.one_line():
            by_hand(found)
    st.caption(
        "✓ right: of the listed answers (hover) the first to come in the first sentence is a right "
        "one. ≈ almost: that is an almost right one, or a right one comes later. ✗ wrong: all else. "
        "Five beams, temperature 0, at most 16 tokens."
    )
