"""A judge behind a server: what it is refused for before it is asked, and how its answers are read."""

import pytest

from slm.errors import BadInput
from slm.llm.judge import NO_KEY, Judge
from tests.llm.server import JudgeServer, refuses

MODEL = "gpt-4o"
KEY = "sk-test-7f3a9c-never-to-be-seen"


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "clé"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(BadInput, match="a judge needs a key"):
        Judge(model=MODEL, key=key)


@pytest.mark.parametrize("url", ["nowhere", "ftp://x", "http://me:pw@host/v1", "http://h/v1?k=1"])
def test_an_address_that_cannot_be_one_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadInput, match="a judge's address must") as caught:
        Judge(model=MODEL, key=KEY, base_url=url)
    assert url not in str(caught.value)


def test_where_no_key_was_given_a_refusal_says_so(server: JudgeServer) -> None:
    server.script = lambda number, request: refuses(401, "who are you? none that we know")
    judge = Judge(model="loopback", base_url=server.url, key=NO_KEY, tries=1)
    with pytest.raises(
        BadInput, match=r"no key was given, and .* asks for one .401.: who are you. none"
    ):
        judge.ask([{"role": "user", "content": "Hello"}])
