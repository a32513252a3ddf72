"""The entry, as `streamlit run app/main.py` or an ASGI server starts it, in whatever folder.

Streamlit finds its options beside this file, in `.streamlit/config.toml`.
"""

import contextlib
import importlib
import logging
import sys
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path

import pandas  # noqa: F401  # now: two threads that import it at once break it for good
import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from app import serving, uploads
from slm.errors import BadInput


def worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether Streamlit's log should keep a record.

    A browser's timer may tick once more while a page changes. Streamlit ignores that tick, which is
    right, and logs a line for each: hundreds an hour, in which no other line is found.
    """
    return not str(record.msg).startswith("The fragment with id %s does not exist anymore")


def prepare() -> None:
    """Import what the pages stand on, so that the first one opened need not wait for it."""
    importlib.import_module("app.cache")
    importlib.import_module("app.widgets.models")


@contextlib.asynccontextmanager
async def opened(_app: st.App) -> AsyncIterator[None]:
    """Sweep old uploads, import, and open the reader's browser, as `streamlit run` does for a script."""
    prepare()
    with contextlib.suppress(BadInput, OSError):  # another start will do it
        uploads.sweep()
    if not config.get_option("server.headless"):
        webbrowser.open(f"http://127.0.0.1:{config.get_option('server.port')}")
    yield


logging.getLogger("streamlit.runtime.app_session").addFilter(worth_a_line)
try:
    app = st.App(
        Path(__file__).with_name("navigation.py"),
        lifespan=opened,
        middleware=[Middleware(serving.ThisMachineOnly)],
    )
    serving.check_address()
except BadInput as error:
    sys.exit(f"error: {error}")
