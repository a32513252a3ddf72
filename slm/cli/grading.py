"""`slm grade`: a judge reads the stories, with the bill before and the intervals after."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer, watched
from slm.cli.grading_text import number, told, told_bill
from slm.errors import BadInput
from slm.json_values import json_value
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.grading.items import Item
    from slm.grading.plan import GradingPlan
    from slm.grading.questions import Graded


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("grade", _grade, "Let a judge grade the model's stories.", address=False)
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument("--steps", action="store_true", help="every kept checkpoint of each run")
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
    sub.add_argument(
        "--base-url", help="any OpenAI-compatible server, or one of `slm judges` by name"
    )
    sub.add_argument(
        "--rubric",
        metavar="FILE",
        help="what is graded: a YAML file with name, dimensions (each with what it means), and perhaps "
        "assess and age_group; default: the paper's",
    )
    sub.add_argument(
        "--answer-tokens",
        type=int,
        help="the longest answer to begin with (default 400); raised where an answer ended there",
    )
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed")
    sub.add_argument("--at-once", type=int, default=4, help="calls under way at once")
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the completions")
    sub.add_argument(
        "--dry-run", action="store_true", help="print the bill and stop; writes no story"
    )
    sub.add_argument(
        "--again-ungraded", action="store_true", help="ask anew where no grade could be read"
    )
    sub.add_argument("--resume", action="store_true", help="the default: nothing is paid twice")
    sub = commands.add("grades", _grades, "Tell what judges have said so far; asks nobody.")
    sub.add_argument("--against", metavar="OTHER", help="pairwise comparison with this model")


def _grade(chosen: argparse.Namespace) -> None:
    """Grade checkpoints; what was graded before the cap or the server ended it is still reported.

    The key comes from OPENAI_API_KEY or .streamlit/secrets.toml; a server at `--base-url` may need
    none.
    """
    from rich.console import Console
    from rich.progress import Progress

    from slm.grading.grading import grade, grading_bill, unanswered
    from slm.grading.human import PERSON
    from slm.llm.judge import ANSWER_TOKENS, NO_KEY, Judge, Unavailable
    from slm.llm.keys import found_key
    from slm.llm.servers import resolve_server

    judge = None
    chosen.base_url = resolve_server(chosen.base_url)
    by_hand = chosen.judge.startswith(PERSON)
    if not chosen.dry_run and not by_hand:  # before anything is written
        key = found_key() or (NO_KEY if chosen.base_url else "")
        limit = ANSWER_TOKENS if chosen.answer_tokens is None else chosen.answer_tokens
        judge = Judge(model=chosen.judge, base_url=chosen.base_url, key=key, answer_tokens=limit)
    console = Console(stderr=True)
    plan, again = _plan(chosen), chosen.again_ungraded
    if judge is not None or (chosen.dry_run and not by_hand):
        left = plan.left(chosen.judge, chosen.base_url, again_ungraded=again)
        bill = grading_bill(left, chosen.judge)
        if judge is None:
            planned = len(plan.placeholders())
            known = {"items": planned, "already_graded": planned - len(left)}
            data = {
                "judge": chosen.judge,
                "addresses": list(plan.addresses),
                **asdict(bill),
                **known,
            }
            answer(chosen, data, lambda: told_bill(bill))
            return
        console.print(told_bill(bill))
    todo = watched(plan.write())
    if judge is None:
        _by_hand(chosen, todo)
        return
    exact = grading_bill(
        unanswered(todo, chosen.judge, chosen.base_url, again_ungraded=again), chosen.judge
    )
    if exact != bill:
        console.print(f"now that the stories are written: {told_bill(exact)}")
    found: list[Graded] = []
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
                found.append(one)
                bar.update(task, advance=1)
        except (BadInput, Unavailable) as error:
            if not found:
                raise
            stopped = str(error)
    _report(chosen, plan, found, stopped)
    if stopped:
        raise BadInput(stopped)


def _report(
    chosen: argparse.Namespace, plan: "GradingPlan", found: "list[Graded]", stopped: str | None
) -> None:
    """Print what was graded: of one checkpoint (or of a pair) at once, of several one by one."""
    from slm.grading.report import GradingReport
    from slm.grading.scores import spent

    who = {"judge": chosen.judge, "rubric": plan.rubric.version if plan.rubric else "paper"}
    if plan.pairwise or len(plan.addresses) == 1:
        report = GradingReport(graded=found, addresses=plan.addresses)
        data = {
            "address": plan.addresses[0],
            **who,
            "stopped": stopped,
            **report.to_json(),
            "items": report.items(),
        }
        answer(chosen, data, lambda: told(f"{plan.addresses[0]} graded by {chosen.judge}", data))
        return
    reports = {
        address: GradingReport(
            graded=[one for one in found if one.item.address in (address, "")],
            addresses=[address],
        )
        for address in plan.addresses
    }
    each = [{"address": address, **report.to_json()} for address, report in reports.items()]
    everything = GradingReport(graded=found, addresses=plan.addresses).items()
    data = {
        **who,
        "stopped": stopped,
        "checkpoints": each,
        "spent": spent(found),
        "items": everything,
    }
    answer(
        chosen,
        data,
        lambda: "\n\n".join(
            told(f"{one['address']} graded by {chosen.judge}", one) for one in each
        ),
    )


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


def _plan(chosen: argparse.Namespace) -> "GradingPlan":
    """Return what is to be read; no story is written yet."""
    from slm.generation.fitting import openings_that_fit
    from slm.grading.openings import read_openings
    from slm.grading.plan import GradingPlan
    from slm.grading.rubric import read_rubric
    from slm.reading import typed_path
    from slm.runs import load_checkpoint
    from slm.stories.shipped import openings

    given = [*chosen.addresses, *([chosen.pairwise] if chosen.pairwise else [])]
    if chosen.steps:
        given = [one for each in given for one in _steps(each)]
    addresses = _addresses(*given)
    if chosen.openings is None:
        read, note = openings_that_fit([load_checkpoint(each) for each in addresses], openings())
        if note:
            print(note, file=sys.stderr)
    else:
        read = read_openings(typed_path(chosen.openings))
    return GradingPlan(
        addresses=tuple(addresses),
        openings=tuple(read),
        samples=chosen.samples,
        repeats=chosen.repeats,
        seed=chosen.seed,
        pairwise=chosen.pairwise is not None,
        checks=chosen.check_judge,
        rubric=None if chosen.rubric is None else read_rubric(typed_path(chosen.rubric)),
    )


def _steps(address: str) -> list[str]:
    """List the addresses of all kept checkpoints of a run."""
    from slm.runs import Address, resolve

    if "@" in address:
        raise BadInput(
            f"--steps takes every kept checkpoint of a run, so {address!r} names no step"
        )
    run, _ = resolve(address)
    return [str(Address(run.name, step)) for step in run.steps]


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
        judges.setdefault(one.judged_by, []).append(one)
    names = list(judges)
    other = _read(resolve(addresses[-1])[0].grades_path, lambda store: stored(store, addresses[-1]))
    data: dict[str, Any] = {
        "address": addresses[0],
        "differences": {
            name: json_value(differences(ours, theirs))
            for name in names
            if len(addresses) > 1
            and (ours := [g for g in judges[name] if g.item.kind == "story"])
            and (theirs := [g for g in other if g.judged_by == name])
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
