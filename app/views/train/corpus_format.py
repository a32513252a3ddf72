"""Options for reading a file of stories."""

import streamlit as st

from app.state import TrainState

ENDS = {
    "": "a line <|endoftext|>",
    "blank-lines": "an empty line",
    "lines": "the end of the line",
    "mark": "a mark of their own",
    "records": "the next record (Words:, Features: …)",
    "passages": "nothing: cut it into passages",
    "csv": "quotation marks, as in CSV",
}
"""What stories in a .txt end with, by the option of the corpus that says so."""
CUT_OFF = {
    "": "drop; ask if they are most",
    "keep-truncated": "keep",
    "drop-truncated": "drop, even most",
}
"""What becomes of stories that end without a sentence's mark."""


def read_as(path: str) -> str:
    """Return the options that follow a file's name, as the command line takes them; empty by default."""
    with st.popover("How it is read"):
        chosen = _ends() if ".txt" in path.lower() else _column()
        kept = st.selectbox(
            "Stories that end without a sentence's mark",
            [*CUT_OFF],
            **TrainState.cut_off.bound,
            format_func=CUT_OFF.__getitem__,
        )
    return "".join(f":{option}" for option in (chosen, kept) if option)


def _ends() -> str:
    way = st.selectbox(
        "Stories end with", [*ENDS], **TrainState.ends.bound, format_func=ENDS.__getitem__
    )
    if way != "mark":
        return str(way)
    mark = st.text_input(
        "The mark",
        **TrainState.mark.bound,
        placeholder="<|end_of_text|>",
        help=r"What stands between two stories. \n is a line end.",
    )
    return f"mark={mark}" if mark else ""


def _column() -> str:
    column = st.text_input(
        "The column of the stories", **TrainState.column.bound, placeholder="text or story"
    )
    return f"text={column.strip()}" if column.strip() else ""
