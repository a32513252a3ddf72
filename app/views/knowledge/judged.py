"""A judge's verdicts on continuations: what they would cost, asking for them, what was said before."""

import streamlit as st

from app.jobs import waiting
from app.jobs.work import Work
from app.state import KnowledgeState, Shared
from app.terms import help_of
from app.widgets import show
from app.widgets.api_key import given, key_field
from slm.knowledge.judge_verdicts import agreement, ask_judge, verdicts_bill, with_judge
from slm.knowledge.scoring import Answer
from slm.llm.judge import Judge, server_of
from slm.llm.prices import Bill, prices
from slm.llm.replies import ReplyStore
from slm.runs import runs_dir


def judged(found: dict[str, list[Answer]]) -> dict[str, list[Answer]]:
    """Choose a judge, see the bill, ask; return the answers with its verdicts so far."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.text_input(
            "Judge", "gpt-4o", **KnowledgeState.judge.bound, help=help_of("judge")
        ).strip()
        base_url = st.text_input(
            "Server",
            placeholder="OpenAI's; or http://127.0.0.1:8080/v1",
            key=Shared.server.key,
            help="Any server that speaks OpenAI's protocol, one on your own machine too.",
        ).strip()
        key = key_field(base_url)
        cap = None
        if model in prices():
            cap = st.number_input("At most US$", 0.01, 1000.0, 0.5, 0.1, key="knowing-cap")
    store, server = ReplyStore(runs_dir() / "verdicts.sqlite"), server_of(base_url or None)
    every = [one for answers in found.values() for one in answers]
    bill = verdicts_bill(every, model, server, store)
    work = KnowledgeState.asking.get()
    going = work is not None and waiting.under_way({"": work}, "knowing")
    if not going and bill.calls:
        st.markdown(show.plain(_in_words(bill)))
        if st.button("Ask the judge", type="primary", key="ask-judge"):
            judge = Judge(
                model=model, base_url=base_url or None, key=given(key, base_url), patience=30.0
            )
            KnowledgeState.asking.set(Work(ask_judge(every, judge, store, max_cost=cap)))
            st.rerun()
    if work is not None:
        waiting.say_why(work, "What was answered is kept.")
    said = {name: with_judge(answers, model, server, store) for name, answers in found.items()}
    for name, answers in said.items():
        if (same := agreement(answers)) is not None:
            st.caption(show.plain(f"{name}: judge and rule agree on {same.to_text()}."))
    return said


def _in_words(bill: Bill) -> str:
    work = f"{bill.calls} calls at most, about {show.count(bill.input_tokens)} tokens to read"
    if bill.cost is None:
        return f"{work}. The price of this judge is unknown, so no cap can be kept."
    return f"{work}: about ${bill.cost:.2g}. What was answered before costs nothing."
