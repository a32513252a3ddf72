"""The arguments of `slm` that print a view's numbers in a terminal.

A text or a number goes as `--name=value`, so that one that begins with a dash is not taken for an
option.
"""

import shlex
from collections.abc import Sequence

from slm.generation.sampler import Sampling
from slm.generation.side_by_side import SideBySide
from slm.interp.roles.scoring import SHOWN

Command = tuple[str, ...]


def line(command: Sequence[str]) -> str:
    """Format the command line to copy."""
    return shlex.join(["python", "-m", "slm", *command, "--json"])


def attention(address: str, text: str) -> Command:
    """Return the command for every head's attention pattern on a text."""
    return ("attention", address, f"--text={text}")


def heads(address: str, corpus: str, stories: int) -> Command:
    """Return the command for every head's scores, baselines and ablation effects."""
    return ("heads", address, f"--corpus={corpus}", f"--stories={stories}")


def head_card(address: str, corpus: str, stories: int, layer: int, head: int) -> Command:
    """Return the command for one head's card: labels with proof, attention by distance, examples."""
    return (*heads(address, corpus, stories), f"--head={layer}.{head}")


def query_keys(address: str, stories: int) -> Command:
    """Return the command for attention between words: the paper's Figures 6 to 8."""
    return ("query-keys", address, f"--stories={stories}")


def neuron(address: str, layer: int, neuron: int, *, built: bool) -> Command:
    """Return the command for one neuron's distribution, and the tokens whose logits it raises and lowers.

    `built` says that its index was built; else it is read over the shipped stories, here and below.
    """
    return ("neurons", "show", address, f"--layer={layer}", f"--neuron={neuron}", *_over(built))


def _over(built: bool) -> Command:
    return () if built else ("--shipped",)


def top_activations(
    address: str, layer: int, neuron: int, k: int, *, built: bool, strongest: bool = True
) -> Command:
    """Return the command for the highest, or lowest, activations of one neuron."""
    side = () if strongest else ("--weakest",)
    return (
        "neurons",
        "top",
        address,
        f"--layer={layer}",
        f"--neuron={neuron}",
        f"--k={k}",
        *side,
        *_over(built),
    )


def top_tokens(address: str, layer: int, neuron: int, k: int, *, built: bool) -> Command:
    """Return the command for the tokens with the highest mean activation of one neuron."""
    at = (f"--layer={layer}", f"--neuron={neuron}", f"--k={k}")
    return ("neurons", "tokens", address, *at, *_over(built))


def find_neurons(address: str, by: str, value: str | None = None, *, built: bool) -> Command:
    """Return the command that finds neurons by `token`, `rare`, `selective` or `dead`."""
    return (
        "neurons",
        "find",
        address,
        f"--{by}" if value is None else f"--{by}={value}",
        *_over(built),
    )


def neurons_at(address: str, text: str, position: int, *, built: bool) -> Command:
    """Return the command that finds neurons by their activation at a token of a text."""
    place = (f"--text={text}", f"--token-position={position}")
    return ("neurons", "find", address, *place, *_over(built))


def overview(addresses: Sequence[str]) -> Command:
    """Return the command for labelled heads, neurons with roles, a prediction, copying, finds."""
    return ("overview", *addresses)


def roles(address: str, corpus: str, stories: int) -> Command:
    """Return the command for every neuron's role with its controls."""
    return ("roles", address, f"--corpus={corpus}", f"--stories={stories}", f"--best={SHOWN}")


def protagonist(address: str, stories: int) -> Command:
    """Return the command for the protagonist test."""
    return ("protagonist", address, f"--stories={stories}")


def predict(
    address: str,
    text: str,
    position: int | None = None,
    target: str | None = None,
    foil: str | None = None,
) -> Command:
    """Return the command for the surprisal of every token, and of one the logit lens and attribution."""
    asked = {"position": position, "target": target, "foil": foil}
    options = (f"--{name}={value}" for name, value in asked.items() if value is not None)
    return ("predict", address, f"--text={text}", *options)


def ablate(
    address: str, text: str, target: str, replacement: str, layer: int | None = None
) -> Command:
    """Return the command for a word's ablation effects of each head, and of each neuron of a layer."""
    neurons = () if layer is None else (f"--neurons={layer}",)
    return (
        "ablate",
        address,
        f"--text={text}",
        f"--target={target}",
        f"--replacement={replacement}",
        *neurons,
    )


def patch(address: str, text: str, other: str, answer: str, foil: str) -> Command:
    """Return the command for activation patching between two prompts."""
    return (
        "patch",
        address,
        f"--text={text}",
        f"--other={other}",
        f"--answer={answer}",
        f"--foil={foil}",
    )


def regenerate(address: str, prompt: str, parts: Sequence[str], sampling: Sampling) -> Command:
    """Return the command for a story written again with interventions."""
    off = [part for part in parts if "=" not in part]
    scaled = [part for part in parts if "=" in part]
    return (
        "regenerate",
        address,
        f"--prompt={prompt}",
        *_sampling(sampling),
        *(("--off", *off) if off else ()),
        *(("--scale", *scaled) if scaled else ()),
    )


def completions(found: SideBySide) -> Command:
    """Return the command for completions of one opening by several models."""
    temperatures = (f"{temperature:g}" for temperature in found.temperatures)
    return (
        "completions",
        *(model.address for model in found.models),
        f"--prompt={found.prompt}",
        *_sampling(found.sampling, of_each=False),
        "--temperatures",
        *temperatures,
    )


def _sampling(sampling: Sampling, *, of_each: bool = True) -> Command:
    known = {
        "max-tokens": sampling.max_tokens,
        "temperature": sampling.temperature if of_each else None,
        "top-k": sampling.top_k,
        "top-p": sampling.top_p,
        "seed": sampling.seed,
    }
    return tuple(f"--{name}={value}" for name, value in known.items() if value is not None)


def compare(a: str, b: str, corpus: str, stories: int | None = None) -> Command:
    """Return the command for the comparison of two models."""
    count = () if stories is None else (f"--stories={stories}",)
    return ("compare", a, b, f"--corpus={corpus}", *count)


def curves(runs: Sequence[str]) -> Command:
    """Return the command for what was measured of runs over their training."""
    return ("curves", *runs)


def development(run: str) -> Command:
    """Return the command for what a run learned when."""
    return ("development", run)


def stories(corpus: str, count: int) -> Command:
    """Return the command for statistics of the first stories of a corpus."""
    return ("stories", corpus, f"--stories={count}")


def search_stories(corpus: str, query: str, kind: str, limit: int) -> Command:
    """Return the command that searches a whole corpus; `kind` is `text` or `regex`."""
    return (
        "stories",
        corpus,
        f"--{'search' if kind == 'text' else 'regex'}={query}",
        f"--limit={limit}",
    )


def story_losses(corpus: str, count: int, addresses: Sequence[str]) -> Command:
    """Return the command for the loss of models on the first stories of a corpus."""
    return ("stories", corpus, f"--stories={count}", "--loss", *addresses)


def story(corpus: str, number: int, addresses: Sequence[str]) -> Command:
    """Return the command for one story of a corpus with the tokens of models."""
    return (
        "stories",
        corpus,
        f"--story={number}",
        *(("--tokens", *addresses) if addresses else ()),
    )


def knowledge(addresses: Sequence[str]) -> Command:
    """Return the command for what models answer to the shipped prompts."""
    return ("knowledge", *addresses)


def score(addresses: Sequence[str], *, spoiled: bool = False) -> Command:
    """Return the command for the scores of models' stories without a judge."""
    return ("score", *addresses, *(("--spoiled",) if spoiled else ()))


def following(addresses: Sequence[str]) -> Command:
    """Return the command for how models follow held-out requests."""
    return ("following", *addresses)


def memorize(
    address: str, corpus: str, validation: str, stories: int, sampling: Sampling
) -> Command:
    """Return the command for copies in endings of training stories, and of held-out ones."""
    return ("memorize", address, *_endings(corpus, validation, stories), *_drawn(sampling))


def novelty(
    address: str,
    corpus: str,
    validation: str,
    stories: int,
    sampling: Sampling,
    *,
    every_step: bool,
) -> Command:
    """Return the command for the share of new n-grams in what the model writes."""
    over = ("--steps", f"--temperatures={sampling.temperature:g}") if every_step else ()
    own = (f"--max-tokens={sampling.max_tokens}", f"--seed={sampling.seed}")
    return ("novelty", address, *_endings(corpus, validation, stories), *own, *over)


def _endings(corpus: str, validation: str, stories: int) -> Command:
    valid = (f"--valid={validation}",) if validation else ()
    return (f"--corpus={corpus}", *valid, f"--stories={stories}")


def _drawn(sampling: Sampling) -> Command:
    known = {
        "max-tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
    }
    return tuple(f"--{name}={value}" for name, value in known.items())


def grades(address: str, other: str | None = None) -> Command:
    """Return the command for a model's grades so far, and the pairwise comparison with another."""
    against = () if other is None else (f"--against={other}",)
    return ("grades", address, *against)


def findings(judge: str | None) -> Command:
    """Return the command for the paper's findings on every run."""
    return ("findings", *(() if judge is None else (f"--judge={judge}",)))


def nursery(addresses: Sequence[str]) -> Command:
    """Return the command for the paired choices about the nursery's world."""
    return ("nursery", *addresses)


def sweep(name: str) -> Command:
    """Return the command for a sweep's progress and results."""
    return ("sweep", f"--name={name}", "--show")
