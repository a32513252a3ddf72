"""`slm attention`: where each head looks."""

import argparse

from slm.cli.command import Commands, answer, typed


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "attention",
        _attention,
        "Attention patterns: which key tokens does each query token attend to?",
    )
    sub.add_argument("--text", type=typed, required=True, help="the text that is read")


def _attention(chosen: argparse.Namespace) -> None:
    from slm.interp.attention import attention
    from slm.runs import load_checkpoint

    view = attention(load_checkpoint(chosen.address), chosen.text)

    def text() -> str:
        lines = []
        for layer, head in view.heads():
            looks = view.argmax_keys(layer, head)
            shown = "  ".join(
                f"{view.str_tokens[q]!r}->{view.str_tokens[k]!r}" for q, k in looks[-8:]
            )
            bos_attention = view.bos_attention[layer, head]
            lines.append(f"{layer}.{head}  first token {bos_attention:.0%}  {shown}")
        return "\n".join(lines)

    answer(chosen, view.to_json(), text)
