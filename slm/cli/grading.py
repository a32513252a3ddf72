"""`slm grade`: a judge reads the stories, with the bill before and the intervals after."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer
from slm.cli.grading_text import number, told
from slm.errors import BadInput
from slm.json_values import json_value
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.grading.items import Item
    from slm.grading.questions import Graded


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("grade", _grade, "Let a judge grade the model's stories.")
    sub.add_argument(
        "--openings",
        help="a .yaml or .json list of texts, a .jsonl or .csv with a column opening, prompt, text or "
        "story, or a .txt with empty lines between openings (one a line where there are none; requests "
        "of TinyStories-Instruct are read as such); default: the fifty shipped",
    )
    sub.add_argument("--samples", type=int, default=10, help="completions of each opening")
    sub.add_argument(
        "--repeats",
        type=int,
        default=1,
        help="how often each is graded, which measures the judge's noise",
    )
    sub.add_argument(
        "--pairwise", metavar="OTHER", help="pairwise comparison with this model, blinded"
    )
    sub.add_argument(
        "--check-judge",
        "--calibrate",
        action="store_true",
        help="check the judge with spoiled stories (--calibrate is the earlier name)",
    )
    sub.add_argument(
        "--judge", default="gpt-4o", help="the judge's model name, or person:NAME for yourself"
    )
    sub.add_argument("--base-url", help="any OpenAI-compatible server")
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed")
    sub.add_argument("--at-once", type=int, default=4, help="calls under way at once")
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the completions")
    sub.add_argument("--dry-run", action="store_true", help="print the bill and stop")
    sub.add_argument(
        "--again-ungraded", action="store_true", help="ask anew where no grade could be read"
    )
    sub.add_argument("--resume", action="store_true", help="the default: nothing is paid twice")
    sub = commands.add("grades", _grades, "Tell what judges have said so far; asks nobody.")
    sub.add_argument("--against", metavar="OTHER", help="pairwise comparison with this model")
    sub = commands.add("prices", _prices, "What judges cost; give a price.", address=False)
    sub.add_argument("judge", nargs="?", help="the judge's model name")
    sub.add_argument("price", nargs="*", type=float, help="INPUT OUTPUT, US$ per million tokens")


def _grade(chosen: argparse.Namespace) -> None:
    """Grade a run; what was graded before the cap or the server ended it is still reported.

    The key comes from OPENAI_API_KEY or .streamlit/secrets.toml; a server at `--base-url` may need
    none.
    """
    from rich.console import Console
    from rich.progress import Progress

    from slm.grading.grading import grade, grading_bill, unanswered
    from slm.grading.human import PERSON
    from slm.grading.report import GradingReport
    from slm.llm.judge import NO_KEY, Judge, Unavailable
    from slm.llm.keys import found_key

    judge = None
    if not chosen.dry_run and not chosen.judge.startswith(PERSON):  # before anything is written
        key = found_key() or (NO_KEY if chosen.base_url else "")
        judge = Judge(model=chosen.judge, base_url=chosen.base_url, key=key)
    console = Console(stderr=True)
    console.print("writing the stories …")
    todo = _todo(chosen)
    if chosen.judge.startswith(PERSON):
        _by_hand(chosen, todo)
        return
    again = chosen.again_ungraded
    left = unanswered(todo, chosen.judge, chosen.base_url, again_ungraded=again)
    bill = grading_bill(left, chosen.judge)
    cost = "unknown price" if bill.cost is None else f"about ${bill.cost:.2f}"
    line = f"{bill.calls} calls, about {bill.input_tokens} tokens to read, {cost}"
    if judge is None:
        known = {"items": len(todo), "already_graded": len(todo) - len(left)}
        answer(chosen, {"judge": chosen.judge, **asdict(bill), **known}, lambda: line)
        return
    console.print(line)
    graded: list[Graded] = []
    stopped: str | None = None
    with Progress(console=console) as bar:
        task = bar.add_task("grading", total=len(todo))
        try:
            for one in grade(
                todo,
                judge,
                max_cost=chosen.max_cost,
                concurrency=chosen.at_once,
                again_ungraded=again,
            ):
                graded.append(one)
                bar.update(task, advance=1)
        except (BadInput, Unavailable) as error:
            if not graded:
                raise
            stopped = str(error)
    addresses = _addresses(chosen.address, chosen.pairwise)
    report = GradingReport(graded=graded, addresses=addresses)
    data = {
        "address": addresses[0],
        "judge": chosen.judge,
        "stopped": stopped,
        **report.to_json(),
        "items": report.items(),
    }
    answer(chosen, data, lambda: told(f"{addresses[0]} graded by {chosen.judge}", data))
    if stopped:
        raise BadInput(stopped)


def _by_hand(chosen: argparse.Namespace, todo: Sequence["Item"]) -> None:
    """Read the stories one by one, blinded; a line of grades after each. An empty line ends it."""
    from slm.grading.human import PERSON, expected, keep_by_hand, person, read_by_hand, to_read
    from slm.text import on_terminal

    name = chosen.judge.removeprefix(PERSON)
    left, read = to_read(todo, name), 0
    for item in left:
        texts = [item.completion] if item.other is None else [item.completion, item.other]
        parts = [on_terminal(f"\n{item.opening} ***{text}\n") for text in texts]
        print(f"{read + 1} of {len(left)}", *parts, sep="\n", file=sys.stderr)
        if item.cut or item.other_cut:
            which = (
                "both" if item.cut and item.other_cut else "the second" if item.other_cut else "it"
            )
            print(f"(cut off where the context ended: {which})", file=sys.stderr)
        while True:
            print(f"{expected(item)}: ", end="", file=sys.stderr, flush=True)
            typed = sys.stdin.readline()
            if not typed.strip():
                break
            try:
                keep_by_hand(item, name, read_by_hand(item, typed))
            except BadInput as error:
                print(error, file=sys.stderr)
                continue
            read += 1
            break
        if not typed.strip():
            break
    data = {"judge": person(name), "read": read, "left": len(left) - read}
    answer(chosen, data, lambda: f"{read} read, {len(left) - read} left; see `slm grades`")


def _todo(chosen: argparse.Namespace) -> list["Item"]:
    from slm.generation.fitting import openings_that_fit
    from slm.grading.items import items, pairs, repeated
    from slm.grading.judge_checks import check_items, mixed
    from slm.grading.openings import read_openings
    from slm.reading import typed_path
    from slm.runs import load_checkpoint
    from slm.stories.shipped import openings

    writers = [load_checkpoint(each) for each in (chosen.address, chosen.pairwise) if each]
    if chosen.openings is None:
        given, note = openings_that_fit(writers, openings())
        if note:
            print(note, file=sys.stderr)
    else:
        given = read_openings(typed_path(chosen.openings))
    if len({writer.address for writer in writers}) < len(writers):
        raise BadInput(
            f"a comparison is between two checkpoints, not {writers[0].address} and itself"
        )
    todo, *others = (items(writer, given, chosen.samples, chosen.seed) for writer in writers)
    for other in others:
        todo = pairs(todo, other)
    todo = repeated(todo, chosen.repeats)
    return mixed(todo, check_items(chosen.repeats)) if chosen.check_judge else todo


def _grades(chosen: argparse.Namespace) -> None:
    """Print, by judge, the means, the noise, the judge check, and the agreement with other judges."""
    from slm.grading.agreement import agreement
    from slm.grading.grading import stored
    from slm.grading.report import GradingReport
    from slm.grading.scores import differences
    from slm.grading.store import judges_path
    from slm.runs import resolve

    addresses = _addresses(chosen.address, chosen.against)
    path = resolve(min(addresses))[0].grades_path
    mine = resolve(addresses[0])[0].grades_path
    judges: dict[str, list[Graded]] = {}
    for one in [
        *_read(mine, lambda store: stored(store, addresses[0])),
        *_read(path, lambda store: stored(store, addresses[0], kind="pair")),
        *_read(judges_path(), _all),
    ]:
        judges.setdefault(one.judge, []).append(one)
    names = list(judges)
    other = _read(resolve(addresses[-1])[0].grades_path, lambda store: stored(store, addresses[-1]))
    data: dict[str, Any] = {
        "address": addresses[0],
        "differences": {
            name: json_value(differences(ours, theirs))
            for name in names
            if len(addresses) > 1
            and (ours := [g for g in judges[name] if g.item.kind == "story"])
            and (theirs := [g for g in other if g.judge == name])
        },
        "judges": {
            name: GradingReport(graded=graded, addresses=addresses).to_json()
            for name, graded in judges.items()
        },
        "agreement": {
            f"{one} / {other}": json_value(found)
            for at, one in enumerate(names)
            for other in names[at + 1 :]
            if (found := agreement(judges[one], judges[other]))
        },
    }

    def text() -> str:
        if not names:
            return f"no judge has read {addresses[0]} yet; `slm grade {addresses[0]}` asks one"
        lines = [told(f"{addresses[0]} graded by {n}", data["judges"][n]) for n in names]
        for name, found in data["differences"].items():
            lines.append(f"{addresses[1]} against {addresses[0]}, opening by opening, by {name}")
            lines += [f"  {part:12} {number(mean)}" for part, mean in found.items()]
        for who, found in data["agreement"].items():
            lines.append(who)
            for name, each in found.items():
                lines.append(
                    f"  {name:12} order {number(each['order'])}  level {number(each['level'])}"
                    f"  ({each['stories']} stories)"
                )
        return "\n".join(lines)

    answer(chosen, data, text)


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


def _addresses(*texts: str | None) -> list[str]:
    """Resolve the given addresses to `run@step`."""
    from slm.runs import Address, resolve

    found = [resolve(text) for text in texts if text is not None]
    return [str(Address(run.name, step)) for run, step in found]


def _read(path: Path, ask: Any) -> "list[Graded]":
    from slm.grading.store import GradeStore

    return list(ask(GradeStore(path)))


def _all(store: Any) -> "list[Graded]":
    from slm.grading.questions import graded

    return [graded(said) for said in store.conversations() if said.finished]
