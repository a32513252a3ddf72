"""Long work: in a thread that sessions share (`Work`), or a training in its own process."""

import logging

WORKING, PREFETCHING = "work", "ahead"
"""Names of the threads."""
# Streamlit says at every spinner that a thread without a page has none, which is meant
logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").addFilter(
    lambda record: not any(f"'{name}" in record.getMessage() for name in (WORKING, PREFETCHING))
)
