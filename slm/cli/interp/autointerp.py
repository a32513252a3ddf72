"""`slm explain`: a judge explains a neuron, and the explanation is scored beside two controls."""

import argparse
from itertools import islice

from slm.cli.command import Commands, answer, watched
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "explain",
        _explain,
        "Automated interpretability: a judge explains a neuron, scored beside controls.",
    )
    sub.add_argument("--layer", type=int, required=True, help="its layer, counted from 0")
    sub.add_argument("--neuron", type=int, required=True, help="its number in the layer, from 0")
    sub.add_argument("--judge", default="gpt-4o", help="the judge's model name")
    sub.add_argument("--base-url", help="any OpenAI-compatible server")
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed")
    sub.add_argument("--corpus", default="nursery", help="the stories examples are taken from")
    sub.add_argument("--stories", type=int, help="how many stories are read; default: 160")


def _explain(chosen: argparse.Namespace) -> None:
    """Explain a neuron; the key comes from OPENAI_API_KEY, and a server at `--base-url` may need none."""
    from rich.console import Console

    from slm.interp.autointerp.explaining import explain, explanation_bill
    from slm.interp.autointerp.snippets import STORIES, neuron_snippets
    from slm.llm.judge import NO_KEY, Judge
    from slm.llm.keys import found_key
    from slm.llm.replies import ReplyStore
    from slm.runs import load_checkpoint, open_run
    from slm.stories.cleaning import cleaned
    from slm.stories.sources import open_source

    key = found_key() or (NO_KEY if chosen.base_url else "")
    judge = Judge(model=chosen.judge, base_url=chosen.base_url, key=key)
    checkpoint = load_checkpoint(chosen.address)
    count = STORIES if chosen.stories is None else chosen.stories
    if count < 1:
        raise BadInput(f"--stories must be at least 1, not {count}")
    texts = list(islice(cleaned(open_source(chosen.corpus)), count))
    mine, another = neuron_snippets(checkpoint, texts, chosen.layer, chosen.neuron)
    likely = explanation_bill(mine, chosen.judge)
    cost = "unknown price" if likely.cost is None else f"about ${likely.cost:.2g}"
    Console(stderr=True).print(
        f"{likely.calls} calls, about {likely.input_tokens} tokens to read, {cost}"
    )
    store = ReplyStore(open_run(checkpoint.address.run).explanations_path)
    explained = watched(explain(mine, another, judge, store, max_cost=chosen.max_cost))
    data = {
        "address": str(checkpoint.address),
        "corpus": chosen.corpus,
        **explained.to_json(),
    }

    def text() -> str:
        lines = [f"{checkpoint.address} layer {explained.layer} neuron {explained.neuron}"]
        for score in explained.scores:
            told = score.accuracy.to_text() if score.accuracy else "not measured"
            lines.append(f"  {told}  {score.name}: {score.explanation}")
            if score.unreadable:
                lines.append(f"    {score.unreadable} replies could not be read")
        for margin in explained.margins:
            lines.append(f"  better than {margin.over} by {margin.margin.to_text('+.2f')}")
        spent = "unknown" if explained.spent is None else f"${explained.spent:.4f}"
        lines.append(
            "it explains the neuron" if explained.explains else "it is no better than both controls"
        )
        return "\n".join([*lines, f"spent now: {spent}"])

    answer(chosen, data, text)
