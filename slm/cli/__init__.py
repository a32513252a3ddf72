"""`python -m slm …`: every page has its twin here, with the same numbers.

Results go to standard output (`--json` prints one JSON object), progress to standard error. Bad
input ends with exit code 2 and one line saying what was expected and what came. A file here holds
the commands of one room; what they need is imported when they run, so that `--help` is quick.
"""

import os
import sys
from collections.abc import Sequence

from slm.cli import (
    comparing,
    findings,
    following,
    generation,
    glossary,
    grading,
    importing,
    judges,
    knowledge,
    lessons,
    memorization,
    nursery,
    overview,
    scores,
    stories,
    sweep,
    training,
)
from slm.cli.command import Commands, Parser
from slm.cli.interp import (
    attention,
    autointerp,
    heads,
    neurons,
    predictions,
    roles,
    self_checks,
)
from slm.errors import BadInput
from slm.files import said

ROOMS = (
    training,
    importing,
    sweep,
    generation,
    attention,
    heads,
    neurons,
    roles,
    autointerp,
    predictions,
    grading,
    scores,
    judges,
    memorization,
    following,
    comparing,
    knowledge,
    self_checks,
    overview,
    nursery,
    findings,
    glossary,
    lessons,
    stories,
)


def parser() -> Parser:
    """Build the parser of all commands."""
    made = Parser(prog="slm", description="Train tiny storytellers and look inside them.")
    commands = Commands(made)
    for room in ROOMS:
        room.add_to(commands)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        chosen = parser().parse_args(arguments)
        chosen.command(chosen)
    except BadInput as error:
        return _complain(str(error), 2)
    except ArithmeticError as error:
        return _complain(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _complain(said(error), 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _complain(error: str, code: int) -> int:
    print(f"slm: {' '.join(error.split())}", file=sys.stderr)
    return code
