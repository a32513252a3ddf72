"""`slm judges` and `slm prices`: which servers there are, what answers there, and what judges cost."""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("judges", _judges, "Usual servers; test what answers at one.", address=False)
    sub.add_argument("server", nargs="?", help="a server of the list by name, or any address")
    sub.add_argument("--judge", default="", help="the model to ask a short question")
    sub = commands.add("prices", _prices, "What judges cost; give a price.", address=False)
    sub.add_argument("judge", nargs="?", help="the judge's model name")
    sub.add_argument("price", nargs="*", type=float, help="INPUT OUTPUT, US$ per million tokens")


def _judges(chosen: argparse.Namespace) -> None:
    """List the usual servers, or say what answers at one: its models, and whether it takes a schema."""
    from slm.llm.judge import NO_KEY
    from slm.llm.keys import found_key
    from slm.llm.servers import PRESETS, probe_server, resolve_server

    if chosen.server is None:
        lines = [f"{one.name:12} {one.base_url}{'  (this machine)' * one.local}" for one in PRESETS]
        more = "`slm judges NAME --judge MODEL` says what answers there"
        data = {"servers": [asdict(one) for one in PRESETS]}
        answer(chosen, data, lambda: "\n".join([*lines, more]))
        return
    found = probe_server(chosen.judge, resolve_server(chosen.server), found_key() or NO_KEY)
    if chosen.json or not found.problem:
        answer(chosen, asdict(found), lambda: found.line)
    if found.problem:
        raise BadInput(found.line)


def _prices(chosen: argparse.Namespace) -> None:
    from slm.llm.prices import Price, own_path, prices, save_prices

    if chosen.price:
        if len(chosen.price) != 2:
            raise BadInput("a price is two numbers, INPUT and OUTPUT, in US$ per million tokens")
        price = Price(input=chosen.price[0], output=chosen.price[1])
        save_prices({**prices(), chosen.judge: price})
    known = prices()
    if chosen.judge is not None:
        known = {name: price for name, price in known.items() if name == chosen.judge}
        if not known:
            raise BadInput(f"the price of {chosen.judge!r} is unknown; `slm prices NAME IN OUT`")
    data = {"file": str(own_path()), "prices": {n: asdict(p) for n, p in known.items()}}
    answer(
        chosen,
        data,
        lambda: "\n".join(f"{n:20} {p.input:g} in, {p.output:g} out" for n, p in known.items()),
    )
