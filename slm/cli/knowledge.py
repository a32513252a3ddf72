"""`slm knowledge`: facts, reasoning and context, by how models go on."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.knowledge.scoring import Answer, Score
    from slm.stats.interval import Interval

MARKS = {"right": "+", "almost": "~", "wrong": "-"}


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("knowledge", _knowledge, "What does the model know?", address=False)
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument("--prompts", help="a YAML file of prompts; default: those that ship")
    sub.add_argument(
        "--beams", type=int, default=5, help="beams of the search for the likeliest continuation"
    )
    sub.add_argument("--judge", help="ask this model whether each continuation is right")
    sub.add_argument("--base-url", help="any OpenAI-compatible server")
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed, for all models")
    sub.add_argument("--dry-run", action="store_true", help="only say what the judge would cost")


def _knowledge(chosen: argparse.Namespace) -> None:
    from slm.knowledge.prompts import parse_prompts, shipped
    from slm.knowledge.report import KnowledgeReport
    from slm.knowledge.scoring import ask, askable, scores
    from slm.knowledge.verdicts import with_verdicts
    from slm.reading import typed_path
    from slm.runs import load_checkpoint, open_run

    readers = [load_checkpoint(address) for address in chosen.addresses]
    prompts = shipped()
    if chosen.prompts is not None:
        try:
            text = typed_path(chosen.prompts).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"no prompts in {chosen.prompts!r}: {error}") from None
        prompts = parse_prompts(chosen.prompts, text)
    asked, note = askable(readers, prompts)
    if not asked:
        raise BadInput(note)
    found: dict[str, list[Answer]] = {}
    for checkpoint in readers:
        answers = ask(checkpoint, asked, beams=chosen.beams)
        found[str(checkpoint.address)] = with_verdicts(open_run(checkpoint.address.run), answers)
    if chosen.judge:
        if not _judged(chosen, found):
            return
    elif chosen.dry_run or chosen.max_cost is not None or chosen.base_url:
        raise BadInput("--base-url, --max-cost and --dry-run need a --judge")
    told = {address: scores(answers) for address, answers in found.items()}
    data = KnowledgeReport(answers=found, beams=chosen.beams, note=note).to_json()
    answer(chosen, data, lambda: "\n\n".join(filter(None, [_table(found, told), note])))


def _judged(chosen: argparse.Namespace, found: "dict[str, list[Answer]]") -> bool:
    """Say the bill, then let the judge say its verdicts; False where only the bill was wanted.

    The key comes from OPENAI_API_KEY; a server of one's own (`--base-url`) may need none.
    """
    from rich.console import Console

    from slm.knowledge.judge_verdicts import ask_judge, verdicts_bill
    from slm.llm.judge import NO_KEY, Judge, server_of
    from slm.llm.keys import found_key
    from slm.llm.replies import ReplyStore
    from slm.runs import runs_dir

    store = ReplyStore(runs_dir() / "verdicts.sqlite")
    every = [one for answers in found.values() for one in answers]
    likely = verdicts_bill(every, chosen.judge, server_of(chosen.base_url), store)
    cost = "unknown price" if likely.cost is None else f"about ${likely.cost:.2g}"
    line = f"{likely.calls} calls, about {likely.input_tokens} tokens to read, {cost}"
    if chosen.dry_run:
        answer(chosen, asdict(likely), lambda: line)
        return False
    key = found_key() or (NO_KEY if chosen.base_url else "")
    judge = Judge(model=chosen.judge, base_url=chosen.base_url, key=key)
    Console(stderr=True).print(line)
    said = iter(watched(ask_judge(every, judge, store, max_cost=chosen.max_cost)))
    for address, answers in found.items():
        found[address] = [next(said) for _ in answers]
    return True


def _table(found: "dict[str, list[Answer]]", told: "dict[str, list[Score]]") -> str:
    """Format each prompt with its continuations, then the scores of each model."""
    from slm.knowledge.judge_verdicts import agreement

    lines = []
    for answers in zip(*found.values(), strict=True):
        lines.append(f"[{answers[0].prompt.kind}] {answers[0].prompt.prompt}")
        lines += [f"  {MARKS[one.judged]} {one.continuation}{_by(one)}" for one in answers]
    for address, scored in told.items():
        lines += ["", f"{address}: + counts 1, ~ counts 1/2 (95 % between)", *_scores(scored)]
        if any(one.by_judge for one in found[address]):
            lines.append(f"  judge and rule agree {_shown(agreement(found[address]))}")
    return "\n".join(lines)


def _by(one: "Answer") -> str:
    """Format whose verdict counts, where a judge was asked or a person decided."""
    unread = " (the judge's reply could not be read)"
    if one.by_judge is None:
        return f"  [{one.judged_by}]" if one.by_person else ""
    if one.by_judge.verdict is None:
        return f"  [unjudged, so by {one.judged_by}]{unread}"
    why = "".join(sign if sign.isprintable() else " " for sign in one.by_judge.why)
    return f"  [{one.judged_by}] {why}"


def _scores(scored: "Sequence[Score]") -> list[str]:
    lines = []
    for one in scored:
        lines.append(
            f"  {one.kind:10} {_shown(one.score)}; with the answers of other prompts "
            f"{_shown(one.by_chance)}"
        )
        lines.append(
            f"  {'':10} by probability {_shown(one.preferred)}; guessing {_shown(one.guessing)}"
        )
    return lines


def _shown(found: "Interval | None") -> str:
    if found is None:
        return "not to be told"
    return found.to_text()
