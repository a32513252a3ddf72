"""A judge says of continuations whether they are right; it is paid once, and never above the cap."""

import json
from pathlib import Path
from typing import Any

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.knowledge.judge_verdicts import agreement, ask_judge, verdicts_bill
from slm.knowledge.prompts import Prompt, Verdict, prompts_yaml
from slm.knowledge.scoring import Answer
from slm.llm.judge import Judge
from slm.llm.replies import ReplyStore
from slm.progress import result_of
from slm.runs import Checkpoint
from tests.llm.server import Answer as Sent
from tests.llm.server import JudgeServer, says, serving

PARK = Prompt(kind="fact", prompt="Tom went to the", right=("park",))


def answered(continuation: str, verdict: Verdict) -> Answer:
    return Answer(
        prompt=PARK,
        continuation=continuation,
        verdict=verdict,
        preferred=None,
        share=None,
        chance=None,
        log_probabilities={},
    )


MADE = [answered("park", "right"), answered("green place", "wrong"), answered("fog", "wrong")]


def judges(number: int, request: dict[str, Any]) -> Sent:
    """Park is right, a green place is almost; of fog it speaks in prose."""
    asked = request["messages"][0]["content"]
    if "***fog" in asked:
        return says("Hard to say.")
    verdict = "almost" if "***green" in asked else "right"
    return says(json.dumps({"why": "One goes there.", "verdict": verdict}))


def ask(server: JudgeServer, store: ReplyStore, cap: float | None = None) -> list[Answer]:
    judge = Judge(model="gpt-4o", base_url=server.url, key="sk-x", tries=2, first_wait=0.01)
    return result_of(ask_judge(MADE, judge, store, max_cost=cap))


def test_one_call_a_continuation_and_what_cannot_be_read_is_unjudged(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "verdicts.sqlite")
    with serving(judges) as server:
        found = ask(server, store)
        where = server.url + "/"
        assert len(server.asked) == 3
        assert ask(server, store) == found and len(server.asked) == 3
    said = [one.by_judge for one in found]
    assert [one and one.verdict for one in said] == ["right", "almost", None]
    assert said[2] is not None and said[2].reply == "Hard to say."
    assert [one.judged_by for one in found] == ["gpt-4o", "gpt-4o", "rule"]
    same = agreement(found)
    assert same is not None and same.mean == 0.5  # of the two that could be read
    assert verdicts_bill(MADE, "gpt-4o", where, store).calls == 0
    nothing = ReplyStore(tmp_path / "none.sqlite")
    assert verdicts_bill([*MADE, MADE[0]], "gpt-4o", where, nothing).calls == 3
    assert not nothing.path.exists()


def test_the_cap_is_never_passed(tmp_path: Path) -> None:
    with serving(judges) as server:
        with pytest.raises(BadInput, match="cap"):
            ask(server, ReplyStore(tmp_path / "verdicts.sqlite"), cap=1e-6)
        assert not server.asked


def test_the_command_says_the_bill_and_by_whom_a_verdict_is(
    checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(prompts_yaml([PARK]), encoding="utf-8")
    with serving(judges) as server:
        command = ["knowledge", "tiny", "--prompts", str(mine), "--judge", "gpt-4o"]
        command += ["--base-url", server.url]
        assert main([*command, "--dry-run", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["calls"] == 1 and not server.asked
        assert main([*command, "--json"]) == 0 and main(command) == 0
        assert len(server.asked) == 1
    assert "[gpt-4o] One goes there." in capsys.readouterr().out
    assert main(["knowledge", "tiny", "--dry-run"]) == 2
