"""Build a TransformerLens HookedTransformer over the same storage as `Weights`.

The only file that imports transformer_lens, inside functions: the import takes seconds and only the
self-checks need it. While hooks run the module is shared state, so every call goes through one lock.
"""

import copy
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from slm.errors import BadInput
from slm.model.weights import Weights

if TYPE_CHECKING:
    from transformer_lens import HookedTransformer

LOCK = threading.RLock()

Hook = tuple[str, Callable[..., Tensor | None]]


def hooked(weights: Weights) -> "HookedTransformer":
    """Build a HookedTransformer whose parameters are views into `weights`."""
    with LOCK:
        logging.getLogger("transformer_lens").setLevel(logging.WARNING)
        from transformer_lens import HookedTransformer, HookedTransformerConfig

        config = weights.config
        windowed = config.local_window is not None
        model = HookedTransformer(
            HookedTransformerConfig(
                d_model=config.d_model,
                d_head=config.d_head,
                n_layers=config.n_layers,
                n_ctx=config.n_ctx,
                n_heads=config.n_heads,
                d_mlp=config.d_mlp,
                d_vocab=config.d_vocab,
                act_fn=config.act_fn,
                gated_mlp=config.gated_mlp,
                normalization_type=config.normalization_type,
                final_rms=config.normalization_type == "RMS",
                positional_embedding_type=config.positional_embedding_type,
                rotary_base=config.rotary_base,
                rotary_dim=config.d_head if config.rotary else None,
                eps=config.eps,
                use_attn_scale=config.attn_scale,
                use_local_attn=windowed,
                window_size=config.local_window,
                attn_types=[
                    "global" if config.window(layer) is None else "local"
                    for layer in range(config.n_layers)
                ]
                if windowed
                else None,
                init_weights=False,
                device=str(weights.W_E.device),
            )
        )
        for name, view in weights.named_views().items():
            path, leaf = name.rsplit(".", 1)
            setattr(model.get_submodule(path), leaf, nn.Parameter(view))
        return model.eval()


@torch.no_grad()
def run_with_cache(
    model: "HookedTransformer", tokens: Int[Tensor, "batch pos"], names: Sequence[str]
) -> tuple[Float[Tensor, "batch pos d_vocab"], dict[str, Tensor]]:
    """Compute the logits and the activations called `names`, under the lock. Safe in threads."""
    with LOCK:
        logits, cache = model.run_with_cache(tokens, names_filter=list(names), return_type="logits")
        assert isinstance(logits, Tensor)
        return logits, {name: cache[name] for name in names}


@torch.no_grad()
def run_with_hooks(
    model: "HookedTransformer", tokens: Int[Tensor, "batch pos"], hooks: Sequence[Hook]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute the logits with `hooks` (TransformerLens' `fwd_hooks`), under the lock. Safe in threads."""
    with LOCK:
        return model.run_with_hooks(tokens, fwd_hooks=list(hooks))


@torch.no_grad()
def folded_log_probs(
    weights: Weights, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute log-probabilities after TransformerLens' `process_weights_` (fold_ln and centring).

    Gains and biases of the norms are folded into the matrices that read them, the unembedding is centred,
    and so are matrices that write what a LayerNorm reads: other weights, the same distribution.
    """
    with LOCK:
        model = copy.deepcopy(hooked(weights))
        model.process_weights_(refactor_factored_attn_matrices=False)
        return model(tokens, return_type="logits").log_softmax(-1)


def hub_name(name: str) -> str:
    """Return the hub id of the model that TransformerLens calls `name`; `BadInput` where it knows none."""
    with LOCK:
        logging.getLogger("transformer_lens").setLevel(logging.WARNING)
        from transformer_lens.loading_from_pretrained import get_official_model_name

        try:
            return str(get_official_model_name(name))
        except ValueError:
            raise BadInput(
                f"there is no file {name!r}, and TransformerLens knows no model of that name"
            ) from None
