"""The field for a judge's server, with usual ones at a click, and what answers there."""

import streamlit as st

from app.state import GradingState, Shared
from app.widgets import show
from app.widgets.api_key import given
from slm.errors import BadInput
from slm.llm.judge import server_of
from slm.llm.servers import PRESETS, probe_server


def server_field() -> str:
    """Return the server's address; empty for OpenAI's. A click on a usual one fills it in."""
    base_url = st.text_input(
        "Server",
        placeholder="OpenAI's; or http://127.0.0.1:8080/v1",
        key=Shared.server.key,  # not in the link: nobody else shall choose where a key is sent
        help="Any server that speaks OpenAI's protocol, one on your own machine too. Ollama, llama.cpp, "
        "LM Studio and vLLM are filled in with the port that each begins with.",
    ).strip()
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for preset in PRESETS:
            if preset.local:
                _preset_button(preset.name, preset.base_url)
        with st.popover("Hosted", type="tertiary"):
            st.caption("Each needs a key of its own, typed in below.")
            for preset in PRESETS:
                if not preset.local:
                    _preset_button(preset.name, preset.base_url)
    return base_url


def _preset_button(name: str, base_url: str) -> None:
    st.button(
        name, type="tertiary", key=f"server-{name}", help=base_url, on_click=_fill, args=(base_url,)
    )


def _fill(base_url: str) -> None:
    Shared.server.set(base_url)
    GradingState.tested.pop()


def test_server(model: str, base_url: str, key: str) -> None:
    """Say in one line what answers at the server, at a press; offer the models that it has."""
    if st.button(
        "Test",
        key="test-server",
        width="stretch",
        help="Lists the server's models, which is free, and asks the judge one short question.",
    ):
        with st.spinner("Asking …"):
            try:
                asked = given(key, base_url)
                GradingState.tested.set(probe_server(model, base_url or None, asked))
            except BadInput as error:
                GradingState.tested.pop()
                st.error(show.sentence(str(error)))
    found = GradingState.tested.get()
    if found is None or found.server != server_of(base_url or None):
        return
    if found.problem:
        st.warning(show.plain(found.line))
    else:
        st.success(show.plain(found.line))
    others = [name for name in found.models or () if name != model]
    if others:
        st.selectbox(
            "Models there",
            others,
            index=None,
            key=GradingState.models_there.key,
            placeholder="take another as the judge",
            on_change=_take_model,
        )


def _take_model() -> None:
    if chosen := GradingState.models_there.get():
        GradingState.judge.set(chosen)
