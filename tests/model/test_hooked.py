"""Many threads on one hooked model, hooks included, all get right answers."""

from concurrent.futures import ThreadPoolExecutor

import torch

from slm.model.config import ModelConfig
from slm.model.hooked import hooked, run_with_cache, run_with_hooks
from slm.model.weights import initialise

CONFIG = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=50, n_ctx=16)
PATTERN = "blocks.1.attn.hook_pattern"


def test_six_threads_with_hooks_get_what_one_alone_gets() -> None:
    model = hooked(initialise(CONFIG, 0))
    generator = torch.Generator().manual_seed(0)
    stories = [torch.randint(0, 50, (1, 12), generator=generator) for _ in range(24)]

    def zero_head(z: torch.Tensor, hook: object) -> torch.Tensor:
        z[:, :, 0] = 0.0
        return z

    def look(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        logits, cache = run_with_cache(model, tokens, [PATTERN])
        ablated = run_with_hooks(model, tokens, [("blocks.0.attn.hook_z", zero_head)])
        return logits, cache[PATTERN], ablated

    alone = [look(tokens) for tokens in stories]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(look, stories * 3))
    for expected, found in zip(alone * 3, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert not torch.allclose(alone[0][0], alone[0][2])
