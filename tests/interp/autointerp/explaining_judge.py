"""How the judge on loopback explains neurons and takes quizzes: by the words that it finds.

Explaining, it names the word that is marked most often. In a quiz it picks the pieces that hold the
word in quotation marks in the explanation.
"""

import json
import re
from collections import Counter
from typing import Any

from tests.llm.server import Answer, says


def explains(number: int, request: dict[str, Any]) -> Answer:
    """Answer as a judge does that reads well."""
    asked = request["messages"][0]["content"]
    pieces = re.search(r"<pieces>\n(.*)\n</pieces>", asked, re.DOTALL)
    assert pieces is not None
    lines = [line.partition(". ")[2] for line in pieces[1].split("\n")]
    if "<explanation>" not in asked:
        marked = Counter(word for line in lines for word in re.findall("«(.*?)»", line))
        return says(json.dumps({"explanation": f"It fires at “{marked.most_common(1)[0][0]}”."}))
    word = re.search("“(.*?)”", asked)
    assert word is not None
    chosen = [at for at, line in enumerate(lines, 1) if re.search(rf"\b{word[1]}\b", line, re.I)]
    return says(json.dumps({"exciting": chosen}))


def explains_nothing(number: int, request: dict[str, Any]) -> Answer:
    """Explain in prose, and answer quizzes with what is no list."""
    return says("Hard to say.")


def always_half(number: int, request: dict[str, Any]) -> Answer:
    """The same explanation for every neuron, and the same answer to every quiz."""
    if "<explanation>" in request["messages"][0]["content"]:
        return says(json.dumps({"exciting": [1, 2, 3, 4, 5]}))
    return says(json.dumps({"explanation": "It fires at “words”."}))
