"""What judges cost: the table that ships, one's own over it, and bills from both."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.llm.prices import (
    Bill,
    Price,
    bill,
    own_path,
    own_prices,
    prices,
    save_prices,
    shipped_prices,
)

MINE = Price(input=0.5, output=2.0)


def test_a_call_costs_what_is_read_and_what_is_written_at_their_own_prices() -> None:
    assert Price(input=2.5, output=10.0).of(1_000_000, 0) == 2.5
    assert Price(input=2.5, output=10.0).of(0, 1_000_000) == 10.0
    assert Price(input=2.5, output=10.0).of(100, 50) == pytest.approx(0.00025 + 0.0005)


def test_a_bill_is_priced_where_the_price_is_known(runs: Path) -> None:
    save_prices({"mine": MINE})
    known = bill("mine", calls=3, input_tokens=2_000_000, output_tokens=500_000)
    assert known == Bill(calls=3, input_tokens=2_000_000, output_tokens=500_000, cost=2.0)
    assert bill("nobody's", calls=3, input_tokens=1, output_tokens=1).cost is None


def test_prices_of_ones_own_stand_over_those_that_ship_and_only_they_are_kept(runs: Path) -> None:
    shipped = shipped_prices()
    assert prices() == shipped and own_prices() == {} and not own_path().exists()
    save_prices({**shipped, "mine": MINE, "gpt-4o": Price(input=1.0, output=2.0)})
    assert own_prices() == {"mine": MINE, "gpt-4o": Price(input=1.0, output=2.0)}
    assert prices() == {**shipped, **own_prices()}
    save_prices(dict(shipped))
    assert own_prices() == {} and prices() == shipped


@pytest.mark.parametrize("name", ["a", 'with "quotes"', "with.a.dot", "ключ 😀", "back\\slash"])
def test_any_name_in_one_line_is_read_back(runs: Path, name: str) -> None:
    save_prices({name: MINE})
    assert own_prices() == {name: MINE}


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "a\x00b", "par\u2029agraph"])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(runs: Path, name: str) -> None:
    with pytest.raises(BadInput, match="a price is a judge's name and two numbers"):
        save_prices({"good": MINE, name: MINE})
    assert not own_path().exists()


@pytest.mark.parametrize(
    "price", [(-0.1, 1.0), (1.0, -0.1), (float("nan"), 1.0), (1.0, float("nan"))]
)
def test_a_price_below_nothing_or_that_is_no_number_is_refused(
    runs: Path, price: tuple[float, float]
) -> None:
    with pytest.raises(BadInput, match="two numbers of at least 0"):
        save_prices({"mine": Price(input=price[0], output=price[1])})


def test_a_judge_may_cost_nothing(runs: Path) -> None:
    save_prices({"mine": Price(input=0.0, output=0.0)})
    assert prices()["mine"].of(10, 10) == 0.0


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('"gpt-4o" = "free"', "two numbers of at least 0"),
        ('"gpt-4o" = [1.0]', "two numbers of at least 0"),
        ('"gpt-4o" = [1.0, 2.0, 3.0]', "two numbers of at least 0"),
        ('"gpt-4o" = [1.0, -2.0]', "two numbers of at least 0"),
        ('"gpt-4o" = [1.0, true]', "two numbers of at least 0"),
        ("gpt-4o = [", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line_with_a_way_out(
    runs: Path, text: str, rule: str
) -> None:
    own_path().parent.mkdir(exist_ok=True)
    own_path().write_text(text)
    with pytest.raises(BadInput, match=rule) as caught:
        prices()
    assert str(own_path()) in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).endswith("mend it, or delete it and enter your prices again")
