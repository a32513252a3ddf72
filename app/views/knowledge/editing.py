"""The prompts of a session: those that ship, or a person's own, edited in a table or from a file."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.state import KnowledgeState
from app.widgets import show
from slm.errors import BadInput
from slm.knowledge.prompts import (
    KINDS,
    VERDICTS,
    Prompt,
    kind_of,
    parse_prompts,
    prompts_yaml,
    shipped,
)

COLUMNS: dict[str, Any] = {
    "kind": st.column_config.SelectboxColumn("kind", options=list(KINDS), required=True),
    "prompt": st.column_config.TextColumn("the beginning", required=True, width="large"),
    **{part: st.column_config.TextColumn(f"{part} (a / b)") for part in VERDICTS},
}


def prompts() -> tuple[Prompt, ...]:
    """Return the prompts of this session."""
    return KnowledgeState.mine.get() or shipped()


def editor() -> None:
    """Change, add and drop prompts; take them from a file, or away as one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        given = st.file_uploader(
            "A YAML file of prompts", ["yaml", "yml", "json"], key="own-prompts"
        )
        show.save("prompts.yaml", lambda: prompts_yaml(prompts()))
        if st.button("Ours again", disabled=KnowledgeState.mine.get() is None):
            KnowledgeState.mine.pop()
            st.rerun()
    if given is not None and KnowledgeState.file_read.get() != given.file_id:
        try:
            text = given.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{given.name} is not UTF-8 text: {error}") from None
        KnowledgeState.mine.set(parse_prompts(given.name, text))
        KnowledgeState.file_read.set(given.file_id)
        st.rerun()
    edited = st.data_editor(
        as_rows(prompts()),
        key=f"editor-{hash(prompts())}",
        num_rows="dynamic",
        hide_index=True,
        column_config=COLUMNS,
    )
    if st.button("Ask these", type="primary", key="ask-these"):
        KnowledgeState.mine.set(from_rows(edited))
        st.rerun()
    st.caption(
        "Answers are parted by a slash. A continuation is searched for them as whole words; wrong "
        "ones are also what the right ones compete with by probability."
    )


def as_rows(prompts: Sequence[Prompt]) -> list[dict[str, str]]:
    """Return prompts as the editor's rows."""
    return [
        {"kind": one.kind, "prompt": one.prompt}
        | {part: " / ".join(getattr(one, part)) for part in VERDICTS}
        for one in prompts
    ]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Prompt, ...]:
    """Read prompts from the editor's rows; `BadInput` for one that cannot be asked, and for none."""
    found = []
    for row in rows:
        if not any(str(value or "").strip() for value in row.values()):
            continue
        answers = {
            part: tuple(a for one in str(row.get(part) or "").split("/") if (a := one.strip()))
            for part in VERDICTS
        }
        prompt = str(row.get("prompt") or "").strip()
        found.append(Prompt(kind=kind_of(row.get("kind")), prompt=prompt, **answers))
    if not found:
        raise BadInput("there must be at least one prompt")
    if len({one.prompt for one in found}) < len(found):
        raise BadInput("the same prompt stands there twice")
    return tuple(found)
