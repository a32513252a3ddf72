"""A lesson to print: its questions without answers, as one HTML file that needs no network."""

from slm.lessons.lesson import Guess, Lesson, Step
from slm.lessons.reading import TERM
from slm.text import in_html

STYLE = """
body { font: 12pt/1.5 Georgia, serif; color: #111; background: #fff; max-width: 18cm; margin: 1.5cm auto; }
h1 { font-size: 20pt; margin: 0 0 .2cm; } .name { color: #444; margin-bottom: .8cm; }
section { break-inside: avoid; margin-bottom: .7cm; } li { list-style: none; margin: .15cm 0; }
ul { padding: 0; } .line { border-bottom: 1px solid #555; height: .9cm; }
.term { font-weight: bold; } .text { background: #f3f3f0; padding: .2cm .4cm; }
@page { margin: 1.5cm; }
"""


def plain_words(text: str) -> str:
    """Remove a lesson's markup for terms and bold."""
    return TERM.sub(lambda found: found[2] or found[1], text).replace("**", "")


def sheet(lesson: Lesson) -> str:
    """Write the sheet: every question and claim of the lesson with room for an answer."""
    parts = [_section(step) for step in lesson.steps]
    ask = in_html(lesson.question)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{ask}</title>'
        f"<style>{STYLE}</style></head><body><h1>{ask}</h1>"
        f'<p class="name">Name: ______________________ &nbsp; about {lesson.minutes} minutes</p>'
        f"{''.join(parts)}</body></html>\n"
    )


def _section(step: Step) -> str:
    words = in_html(plain_words(step.words)).replace("\n\n", "<br><br>")
    if step.guess is not None:
        text = getattr(step.view, "text", "")
        shown = f'<p class="text">{in_html(text)}</p>' if text else ""
        return f"<section><p>{words}</p>{shown}{_room(step.guess)}</section>"
    if step.kind == "claim":
        return (
            f"<section><p>{words}</p><ul><li>☐ holds for our model &nbsp; ☐ does not hold</li></ul>"
            "<p>Measured: ________ &nbsp; Control: ________</p></section>"
        )
    return ""


def _room(guess: Guess) -> str:
    """Return the HTML in which a guess and the answer are written down."""
    if guess.choices:
        items = "".join(f"<li>☐ {in_html(one)}</li>" for one in guess.choices)
        return f"<ul>{items}</ul><p>The model: ______________________</p>"
    if guess.number:
        unit = in_html(guess.number.unit)
        return f"<p>My guess: ________ {unit} &nbsp; The model: ________ {unit}</p>"
    return "<p>Mark the token. The model: ______________________</p>"
