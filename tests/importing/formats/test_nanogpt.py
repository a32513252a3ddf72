"""nanoGPT's checkpoints, against a small model written for these tests, number by number."""

import json
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.importing.detect import detect
from slm.importing.import_run import import_run
from slm.model import functional
from slm.runs import load_checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.importing.conftest import lively

CLOSE = 1e-4


class Block(nn.Module):
    """A layer as nanoGPT names it: norms before attention and MLP, linear maps from the left."""

    def __init__(self, width: int, heads: int, *, bias: bool, gelu: str) -> None:
        super().__init__()
        self.heads, self.gelu = heads, gelu
        self.ln_1, self.ln_2 = nn.LayerNorm(width, bias=bias), nn.LayerNorm(width, bias=bias)
        self.attn = nn.ModuleDict(
            {
                "c_attn": nn.Linear(width, 3 * width, bias=bias),
                "c_proj": nn.Linear(width, width, bias=bias),
            }
        )
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(width, 4 * width, bias=bias),
                "c_proj": nn.Linear(4 * width, width, bias=bias),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.attn["c_attn"](self.ln_1(x)).split(width, dim=2)
        q, k, v = (p.view(batch, length, self.heads, -1).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        z = scores.masked_fill(later, -torch.inf).softmax(-1) @ v
        x = x + self.attn["c_proj"](z.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate=self.gelu))


class NanoGPT(nn.Module):
    """GPT-2 as nanoGPT keeps it, its unembedding the embedding again."""

    def __init__(self, sizes: dict[str, Any], *, gelu: str = "none") -> None:
        super().__init__()
        width, bias = sizes["n_embd"], sizes.get("bias", True)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(sizes["vocab_size"], width),
                "wpe": nn.Embedding(sizes["block_size"], width),
                "h": nn.ModuleList(
                    Block(width, sizes["n_head"], bias=bias, gelu=gelu)
                    for _ in range(sizes["n_layer"])
                ),
                "ln_f": nn.LayerNorm(width, bias=bias),
            }
        )
        self.lm_head = nn.Linear(width, sizes["vocab_size"], bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.transformer["wte"](tokens) + self.transformer["wpe"].weight[: tokens.shape[1]]
        for block in self.transformer["h"]:
            x = block(x)
        return self.lm_head(self.transformer["ln_f"](x))


def sizes_of(d_vocab: int, **more: Any) -> dict[str, Any]:
    sizes = {"n_layer": 2, "n_head": 4, "n_embd": 16, "block_size": 40, "vocab_size": d_vocab}
    return sizes | {"dropout": 0.1} | more


def save(folder: Path, model: nn.Module, arguments: dict[str, Any], before: str = "") -> Path:
    state = {before + name: tensor for name, tensor in model.state_dict().items()}
    kept = {"optimizer": {"state": {}, "param_groups": []}, "iter_num": 10}
    kept |= {"best_val_loss": torch.tensor(2.0), "config": {"out_dir": "out"}}
    torch.save({"model": state, "model_args": arguments} | kept, folder / "ckpt.pt")
    return folder / "ckpt.pt"


def logits_of(path: Path) -> tuple[Tensor, Tensor]:
    """Some tokens, and the logits of the run that a path becomes."""
    import_run(detect(str(path)), "theirs")
    weights = load_checkpoint("theirs").weights
    tokens = torch.randint(
        0, weights.config.d_vocab, (2, 36), generator=torch.Generator().manual_seed(3)
    )
    return tokens, functional.logits(weights, tokens)


@pytest.mark.parametrize("before", ["", "_orig_mod.", "module."])
@pytest.mark.parametrize("bias", [True, False, None])
def test_logits_are_those_of_nanogpt(
    tmp_path: Path, tokenizer: Tokenizer, bias: bool | None, before: str
) -> None:
    sizes = sizes_of(tokenizer.d_vocab) | ({} if bias is None else {"bias": bias})
    model = lively(NanoGPT(sizes, gelu="tanh" if bias is None else "none"))
    path = save(tmp_path, model, sizes, before)
    tokenizer.save(tmp_path / "tokenizer.json")
    found = detect(str(path))
    assert (found.kind, found.config.tied) == ("nanoGPT checkpoint", True)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert any("June 2023" in note for note in found.notes) is (bias is not None)
    tokens, logits = logits_of(path)
    with torch.no_grad():
        assert float((logits - model(tokens)).abs().max()) < CLOSE


def test_an_unembedding_of_its_own_is_kept(tmp_path: Path, tokenizer: Tokenizer) -> None:
    sizes = sizes_of(tokenizer.d_vocab, bias=False)
    model = NanoGPT(sizes)
    model.lm_head.weight = nn.Parameter(torch.randn(model.lm_head.weight.shape))
    path = save(tmp_path, lively(model), sizes)
    tokenizer.save(tmp_path / "tokenizer.json")
    tokens, logits = logits_of(path)
    with torch.no_grad():
        assert float((logits - model(tokens)).abs().max()) < CLOSE


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rotary": True}, "'rotary' is no field that is known"),
        ({"bias": 1}, "bias must be true or false"),
        ({"bias": False}, r"hold 'h\.0\.ln_1\.bias'"),
        ({"n_layer": 3}, r"lack 'h\.2\.ln_1\.weight'"),
        ({"n_embd": None}, "n_embd must be a whole number"),
    ],
)
def test_arguments_that_are_not_the_weights_are_refused(
    tmp_path: Path, tokenizer: Tokenizer, changes: dict[str, Any], rule: str
) -> None:
    sizes = sizes_of(tokenizer.d_vocab, bias=True)
    path = save(tmp_path, NanoGPT(sizes), sizes | changes)
    with pytest.raises(BadInput, match=rule):
        detect(str(path))


def characters(folder: Path, text: str) -> dict[str, int]:
    """What nanoGPT's preparation keeps of a text's characters, as JSON."""
    stoi = {letter: index for index, letter in enumerate(sorted(set(text)))}
    itos = {index: letter for letter, index in stoi.items()}
    meta = {"vocab_size": len(stoi), "itos": itos, "stoi": stoi}
    (folder / "meta.json").write_text(json.dumps(meta))
    return stoi


def test_characters_are_read_as_nanogpt_numbers_them(tmp_path: Path) -> None:
    text = "Tom ran.\n“Öl?”\n"
    stoi = characters(tmp_path, text)
    sizes = sizes_of(len(stoi) + 3, bias=False)
    path = save(tmp_path, lively(NanoGPT(sizes)), sizes)
    found = detect(str(path))
    tokenizer = Tokenizer.from_json(found.tokenizer.to_json())
    ids = tokenizer.encode_story(text)
    assert ids == [stoi["\n"], *(stoi[letter] for letter in text)]
    assert tokenizer.decode(ids) == text
    assert tokenizer.offsets(text) == [(at, at + 1) for at in range(len(text))]
    assert tokenizer.to_str_tokens(ids[:3]) == ["\n", "T", "o"]
    assert tokenizer.encode_stories([text, "Tom"]) == [ids, tokenizer.encode_story("Tom")]
    for call in (tokenizer.encode, tokenizer.offsets, lambda t: tokenizer.encode_stories([t])):
        with pytest.raises(BadInput, match="has no token for 'x'"):
            call("Tom x")
    (about,) = (note for note in found.notes if "single characters" in note)
    assert "the line's end is what opens and ends a story" in about
    import_run(found, "theirs")
    written = complete(load_checkpoint("theirs"), ["Tom"], Sampling(max_tokens=12))[0]
    assert "\n" not in written.text


@pytest.mark.parametrize(
    ("meta", "rule"),
    [
        ({"stoi": {"a": 0, "\n": 400}}, "below 40"),
        ({"stoi": {"a": 0, "\n": 0}}, "each otherwise"),
        ({"stoi": {"a": True, "\n": 0}}, "must number characters"),
        ({"stoi": {"ab": 1, "\n": 0}}, "single characters, not 'ab'"),
        ({"stoi": {"a": 0}}, "the line's end"),
        ({"stoi": []}, "must number characters"),
    ],
)
def test_characters_that_are_none_are_refused(tmp_path: Path, meta: Any, rule: str) -> None:
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    sizes = sizes_of(40, bias=False)
    with pytest.raises(BadInput, match=rule):
        detect(str(save(tmp_path, NanoGPT(sizes), sizes)))


def test_nanogpts_pickle_of_characters_is_not_opened_and_its_way_to_json_works(
    tmp_path: Path,
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "opened",))

    sizes = sizes_of(40, bias=False)
    path = save(tmp_path, NanoGPT(sizes), sizes)
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        BadInput, match=r"meta\.pkl .* as a pickle, which is never opened"
    ) as caught:
        detect(str(path))
    assert not (tmp_path / "opened").exists()
    stoi = {"\n": 0, "a": 1}
    meta = {"vocab_size": 2, "itos": {0: "\n", 1: "a"}, "stoi": stoi}
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(meta))
    (program,) = re.findall(r'python -c "(.*)"', str(caught.value))
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    assert detect(str(path)).tokenizer.encode("a\na") == [1, 0, 1]


def test_a_nanogpt_of_gpt2s_padded_vocabulary_asks_the_hub_for_gpt2s_tokens(tmp_path: Path) -> None:
    sizes = sizes_of(50_304, bias=False)
    path = save(tmp_path, NanoGPT(sizes), sizes)
    with pytest.raises(BadInput, match=r"nanoGPT checkpoint of 16x2x4, without.*out of reach"):
        detect(str(path))


def test_parts_of_a_model_are_named(tmp_path: Path) -> None:
    for part in ("00", "01"):
        torch.save({"norm.weight": torch.ones(2)}, tmp_path / f"consolidated.{part}.pth")
    with pytest.raises(BadInput, match=r"not 2: consolidated\.00\.pth, consolidated\.01\.pth"):
        detect(str(tmp_path))
