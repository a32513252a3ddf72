"""Corpora that texts are compared with: which they are, and their indices."""

import streamlit as st

from slm.memorization.kept import Texts
from slm.memorization.kept import texts as open_texts
from slm.memorization.suffix_index import CopyIndex, open_copies, plain_words
from slm.memorization.templates import masked_words


@st.cache_data(max_entries=16, ttl=300, show_spinner="Looking at the corpus …")
def texts(corpus: str, unseen: str | None) -> Texts:
    """Open both corpora with their fingerprints; looked at again after five minutes."""
    return open_texts(corpus, unseen)


@st.cache_resource(max_entries=8, ttl=300, show_spinner=False)
def _index(corpus: str, fingerprint: str, masked: bool) -> CopyIndex:
    found = open_copies(corpus, masked_words if masked else plain_words)
    assert found is not None
    return found


def copy_index(corpus: Texts, *, masked: bool = False) -> CopyIndex | None:
    """Open the suffix index of a corpus; None where there is none yet (asked again each time)."""
    if open_copies(corpus.corpus, masked_words if masked else plain_words) is None:
        return None
    return _index(corpus.corpus, corpus.corpus_hash, masked)
