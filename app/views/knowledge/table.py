"""Continuations as a table, a column a model: a colour, and a sign for those who see no colours.

Knows strings and verdicts only; all text is escaped, for models and people write it.
"""

from collections.abc import Mapping, Sequence

from slm.knowledge.prompts import Verdict
from slm.knowledge.scoring import Answer, scores
from slm.text import in_html

SIGNS: dict[Verdict, str] = {"right": "✓", "almost": "≈", "wrong": "✗"}
COLOURS: dict[Verdict, tuple[str, str]] = {
    "right": ("#2e7d4f", "#6fc495"),
    "almost": ("#a97a06", "#e3bd52"),
    "wrong": ("#b23a2e", "#ec8a7e"),
}
"""Ink on a light and on a dark page; the ground is the same colour, faint."""

KINDS = {
    "fact": "Facts",
    "reasoning": "Reasoning",
    "context": "Who did what (context tracking)",
    "all": "All prompts",
}

STYLE = """<style>
.known { width: 100%; table-layout: fixed;
  border-collapse: collapse; font-size: 0.92rem; line-height: 1.4; }
.known th { text-align: left; font-weight: 600; padding: 0.35rem 0.6rem; vertical-align: bottom; }
.known th.kind { padding-top: 1.1rem; }
.known td { padding: 0.35rem 0.6rem; vertical-align: top; border-top: 1px solid #8884;
  overflow-wrap: anywhere; }
.known th.prompt { width: 32%; }
@media (max-width: 40rem) { .known th.prompt { width: 50%; } }
.known th .score { display: block; font-weight: 400; opacity: 0.8; font-size: 0.85em; }
.known td.prompt { font-family: "Source Serif", Georgia, serif; }
.known td.said { font-family: "Source Serif", Georgia, serif; }
.known .sign { font-weight: 700; padding-right: 0.4em; }
.known .person { opacity: 0.75; font-size: 0.8em; font-family: sans-serif; }
</style>"""


def table(found: Mapping[str, Sequence[Answer]], *, dark: bool) -> str:
    """Format HTML: a row for each prompt, by kind, and a column for each address in `found`."""
    heads = "".join(_head(address, answers) for address, answers in found.items())
    lines = [STYLE, "<table class='known'><thead><tr>"]
    lines.append("<th scope='col' class='prompt'>The beginning</th>")
    lines.append(f"{heads}</tr></thead><tbody>")
    kind = ""
    for answers in zip(*found.values(), strict=True):
        prompt = answers[0].prompt
        if prompt.kind != kind:
            kind = prompt.kind
            lines.append(f"<tr><th class='kind' colspan='{1 + len(found)}'>{KINDS[kind]}</th></tr>")
        said = "".join(_cell(answer, dark) for answer in answers)
        lines.append(f"<tr><td class='prompt'>{in_html(prompt.prompt)}</td>{said}</tr>")
    return "".join([*lines, "</tbody></table>"])


def _head(address: str, answers: Sequence[Answer]) -> str:
    """Format a model's name over its score for all prompts."""
    score = ""
    if answers:
        score = f"<span class='score'>score {scores(answers)[-1].score.to_text()}</span>"
    return f"<th scope='col'>{in_html(address)}{score}</th>"


def _by(answer: Answer) -> list[str]:
    """Say whose verdict it is, where it is not the rule's alone, and why."""
    if answer.by_person:
        return ["a person's verdict"]
    if answer.by_judge is None:
        return []
    if answer.by_judge.verdict is None:
        return [f"unjudged by {answer.by_judge.judge}: unreadable reply; by the rule"]
    return [f"by {answer.by_judge.judge}: {answer.by_judge.why}"]


def _cell(answer: Answer, dark: bool) -> str:
    colour = COLOURS[answer.judged][dark]
    person = "".join(f" <span class='person'>{in_html(said)}</span>" for said in _by(answer))
    listed = "; ".join(
        f"{part}: {', '.join(getattr(answer.prompt, part)) or 'none'}" for part in SIGNS
    )
    return (
        f"<td class='said' style='background:{colour}1f' title='{in_html(listed)}'>"
        f"<span class='sign' style='color:{colour}' aria-label='{answer.judged}'>"
        f"{SIGNS[answer.judged]}</span>{in_html(answer.continuation) or '(nothing)'}{person}</td>"
    )
