"""How do I bring a model of my own?"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app import uploads
from app.jobs import waiting
from app.jobs.work import Work
from app.state import ImportsState, SessionValue
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.importing.detect import DetectedModel, detect
from slm.importing.import_run import import_run
from slm.progress import run_in_thread
from slm.runs import Run, check_name, list_runs, open_run

PATH, FILES = "A path or a name", "Files from this browser"
CAN = "A folder or file on the machine that runs this app, or a name on the Hugging Face hub."
FORMS = {
    "A Hugging Face folder": "GPT-2, GPT-Neo (the published TinyStories models) or Llama: "
    "config.json, weights as safetensors or pytorch_model.bin, one file or several, and the tokenizer.",
    "A TransformerLens state dict": "a .pt or .safetensors, its configuration (`cfg.to_dict()`) as "
    ".json beside it, and a tokenizer.json.",
    "llama2.c's files": "a model .bin of version 0, or its training's ckpt.pt, and tokenizer.bin.",
    "nanoGPT's ckpt.pt": "with GPT-2's tokens (from the hub), or the tokenizer that is named.",
    "Meta's folder": "consolidated.00.pth, params.json and a tokenizer.json.",
    "A name": "TransformerLens's, such as tiny-stories-1M, or an id on the Hugging Face hub, such as "
    "roneneldan/TinyStories-1M.",
}
LIMITS = (
    "One checkpoint is what comes: there is no curve to compare and no training to go on with, and "
    "memorization can only be measured against a corpus that you name. Everything else works."
)
EXAMPLE = "Once upon a time, there was a little fox."


def choose() -> tuple[str, str | None]:
    """Where the model lies, and its tokenizer if it brings none; "" where nothing was chosen."""
    way = st.segmented_control(
        "From", [PATH, FILES], default=PATH, **ImportsState.source.bound, width="content"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if way == FILES:
            path = uploaded()
        else:
            path = st.text_input(
                "Path or name",
                **ImportsState.path.bound,
                help=CAN,
                placeholder="tiny-stories-1M",
                max_chars=500,
            ).strip()
        with st.popover("More"):
            tokenizer = st.text_input(
                "Tokenizer, where the model brings none",
                **ImportsState.tokenizer.bound,
                help="A folder, a tokenizer.json or tokenizer.bin, or a hub id.",
                max_chars=500,
            ).strip()
    return path, tokenizer or None


def uploaded() -> str:
    """The folder in which the files that were given lie; "" where there are none."""
    files = st.file_uploader(
        "Weights, configuration and tokenizer",
        accept_multiple_files=True,
        key="files",
        type=["bin", "pt", "pth", "safetensors", "json", "txt"],
        help="Large models come quicker by their path.",
        on_change=forget,
    )
    if not files:
        return ""
    folder = ImportsState.upload.get() or uploads.folder_for_model()
    ImportsState.upload.set(folder)
    root = Path(folder.name)
    names = {re.sub(r"[^\w.-]", "_", Path(file.name).name): file for file in files}
    for name, file in names.items():
        if name.strip(".") and not (root / name).exists():
            (root / name).write_bytes(file.getbuffer())
    return str(root)


def forget() -> None:
    """Other files were given: what was found in those before is gone."""
    ImportsState.upload.pop()
    ImportsState.looking.pop()


def look(path: str, tokenizer: str | None) -> None:
    """Begin to look at a model, in a thread; whatever was done for another ends."""
    end(ImportsState.looking, ImportsState.importing)
    ImportsState.imported.pop()
    work = Work(run_in_thread(lambda tell: detect(path, tokenizer=tokenizer, progress=tell)))
    ImportsState.looking.set((path, work))


def end(*kept: SessionValue[tuple[str, Work[Any]]]) -> None:
    """Cancel and forget work of this session."""
    for one in kept:
        if (ended := one.pop()) is not None:
            ended[1].cancel()


def waited(work: Work[DetectedModel] | Work[Run], kept: str) -> bool:
    """Whether there is a result; where there is none, how far it is or what became of it."""
    if waiting.under_way({"": work}, "import"):
        return False
    waiting.say_why(work, "" if work.error else kept)
    return work.result is not None


def describe(found: DetectedModel) -> None:
    """What was recognised, before anything is written."""
    config, tokenizer = found.config, found.tokenizer
    positions = "rotary" if config.rotary else "learned"
    gate = ", gated" if config.gated_mlp else ""
    rows = {
        "kind": found.kind,
        "shape": f"{config.shape}: width {config.d_model}, {config.n_layers} layers of "
        f"{config.n_heads} heads, {config.d_mlp} neurons a layer",
        "made of": f"{config.normalization_type} norms, {positions} positions, {config.act_fn}{gate}",
        "parameters": f"{found.parameters:,}",
        "vocabulary": f"{config.d_vocab:,} tokens",
        "context": f"{config.n_ctx:,} tokens",
    }
    st.table({"": list(rows), "what was recognised": [show.plain(text) for text in rows.values()]})
    try:
        str_tokens = tokenizer.to_str_tokens(tokenizer.encode_story(EXAMPLE))
    except BadInput as error:
        st.caption(show.plain(f"{EXAMPLE} cannot be shown in its tokens: {error}."))
    else:
        st.caption("Its tokenizer reads a story so, the mark that opens it first:")
        story_view(
            [
                Shown(text=str_token, value=0.4 * (at % 2))
                for at, str_token in enumerate(str_tokens)
            ],
            key="import-pieces",
            label="every second token",
            small=True,
        )
    tell(found.notes)


def tell(notes: Sequence[str]) -> None:
    """What differs in the run from the model as it is elsewhere."""
    for note in notes:
        st.caption(show.plain(note))


def keep(found: DetectedModel) -> None:
    """Give it a name and make it a run."""
    suggested = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", Path(found.source).stem).strip("-._")[:64] or "theirs"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the run", suggested, max_chars=64, **ImportsState.name.bound
        ).strip()
        pressed = st.button("Import it", type="primary", key="import")
    if pressed:
        check_name(name)
        work = Work(run_in_thread(lambda tell: import_run(found, name, progress=tell)))
        ImportsState.importing.set((name, work))


def links(name: str) -> None:
    """Where to go with it."""
    st.success(show.plain(f"{name} is a run now."))
    tell(open_run(name).info.imported.get("notes", []))
    with st.container(horizontal=True):
        for page, label in (
            ("writing", "Let it write"),
            ("attention", "See where its heads look"),
            ("predictions", "Ask why a word"),
        ):
            st.page_link(f"../pages/{page}.py", label=label, query_params={"a": name})


st.title("How do I bring a model of my own?", anchor=False)
left, right = st.columns([6, 5], gap="large")
with left, show.one_line():
    path, tokenizer = choose()
    if st.button("Look at it", disabled=not path, key="look"):
        look(path, tokenizer)
    if (under_way := ImportsState.looking.get()) is not None:
        chosen, looking = under_way
        if chosen != path:
            end(ImportsState.looking, ImportsState.importing)  # another was chosen since
        elif (
            waited(looking, "What came is kept: look at it again to go on.")
            and (found := looking.result) is not None
        ):
            describe(found)
            keep(found)
    if (under_way := ImportsState.importing.get()) is not None:
        name, importing = under_way
        whole = name in {run.name for run in list_runs()}
        kept = f"{name} was whole already, and is a run." if whole else "There is no new run."
        if waited(importing, kept):
            ImportsState.imported.set(name)
            end(ImportsState.looking, ImportsState.importing)
            ImportsState.upload.pop()  # the run has all of it
            st.rerun()
    imported = ImportsState.imported.get()
    if imported is not None and imported in {run.name for run in list_runs()}:
        links(imported)
with right:
    st.markdown("**What can be brought**")
    st.markdown("\n".join(f"- **{form}**: {what}" for form, what in FORMS.items()))
    st.caption(LIMITS)
    st.caption("In a terminal, with the same checks and the same numbers:")
    st.code("python -m slm import tiny-stories-1M --name tiny-1M", language="bash", wrap_lines=True)
