"""Windows over long stories: every position new exactly once, with context before it."""

from hypothesis import given
from hypothesis import strategies as st

from slm.stories.windows import windows


@given(st.integers(1, 500), st.integers(2, 64))
def test_every_position_is_new_once_and_windows_fit_the_context(length: int, n_ctx: int) -> None:
    found = list(windows(length, n_ctx))
    assert [p for w in found for p in range(w.new, w.stop)] == list(range(length))
    assert all(w.stop - w.start <= n_ctx for w in found)
    assert all(w.new - w.start >= n_ctx // 2 for w in found[1:])
