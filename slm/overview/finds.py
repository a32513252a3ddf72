"""Finds of a checkpoint: what is worth seeing, measured, or reported missing with the number."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from slm.comparing.development import WordGroup
from slm.comparing.measured import BEST_HEAD
from slm.generation.fitting import opening_that_fits, story_that_fits
from slm.generation.sampler import Sampling, complete
from slm.interp.heads.examples import head_examples
from slm.interp.heads.scores import EFFECT
from slm.interp.heads.targets import HeadLabel
from slm.overview.learning import History
from slm.overview.predictions import NEEDED
from slm.overview.records import (
    Ablated,
    CheckpointPair,
    Find,
    FindCurve,
    HeadsOverview,
    NeuronsOverview,
    RoleNeuron,
    Text,
)
from slm.runs import Address, Checkpoint, Run, load_checkpoint
from slm.stories import shipped
from slm.stories.annotation.labelled import ROLES, roles_of
from slm.stories.annotation.nursery import annotated
from slm.stories.nursery import Role

INDUCTION = (HeadLabel.INDUCTION, HeadLabel.INDUCTION_STORIES)
PRONOUNS = (Role.HERO_PRONOUN, Role.OTHER_PRONOUN, Role.GROUP_PRONOUN, Role.OBJECT_PRONOUN)
SENTENCE = 40
"""Words after which the sentences that a neuron is shown in may end."""
LOOKED_THROUGH = 50
"""Nursery stories among which such a sentence is looked for."""
UNSEEN_FROM = 1_000_000_000
"""The first nursery story from which sentences are taken; no label was scored on those."""
GRAMMAR_AND_CONSISTENCY: tuple[tuple[WordGroup, str], ...] = (
    ("frame", "function words"),
    ("later mentions", "later mentions"),
)
"""Words that grammar decides, and words that the story so far decides, with what they are called."""
WRITTEN = 60
"""Tokens that two checkpoints write after one opening."""


def induction_find(checkpoint: Checkpoint, heads: HeadsOverview) -> Find:
    """Find the strongest confirmed induction head, and the token where it attends to its target most."""
    best = next((one for one in heads.confirmed if one.kind in INDUCTION), None)
    if best is None:
        highest = max((heads.highest.get(kind, 0.0) for kind in INDUCTION), default=0.0)
        return Find(
            kind="induction head",
            found=False,
            says=f"No induction head: at most {highest:.1%} of attention above the moved targets "
            f"(needed {EFFECT:.0%}, and an ablation effect).",
            value=highest,
            needed=EFFECT,
            link={},
        )
    found = head_examples(checkpoint, best.layer, best.head, best.kind, count=1)
    here, place = "", {}
    for one in found:
        here = f" Here it looks back at “{one.str_tokens[one.key].strip()}” with {one.weight:.0%}."
        place = {"story": one.title, "token": str(one.query)}
    return Find(
        kind="induction head",
        found=True,
        says=f"Head {best.layer}.{best.head} does induction: {best.score:.0%} of its attention goes to "
        f"what followed the same token before (targets moved: {best.baseline:.0%}). Without it such "
        f"tokens cost {best.effect:.2f} nats more.{here}",
        value=best.score,
        control=best.baseline,
        needed=EFFECT,
        link={
            "a": str(checkpoint.address),
            "layer": str(best.layer),
            "head": str(best.head),
        }
        | place,
    )


def role_find(checkpoint: Checkpoint, neurons: NeuronsOverview) -> Find:
    """Find the neuron with the clearest confirmed pronoun role, else of any role, with an example."""
    pronouns = [one for one in neurons.best if one.role in PRONOUNS]
    if not neurons.best:
        highest = "none" if neurons.highest is None else f"{neurons.highest:.2f}"
        return Find(
            kind="role neuron",
            found=False,
            says=f"No neuron has a confirmed role: the highest AUC is {highest}.",
            value=neurons.highest,
            link={},
        )
    best: RoleNeuron = (pronouns or list(neurons.best))[0]
    return Find(
        kind="role neuron",
        found=True,
        says=f"Neuron {best.neuron} of layer {best.layer} fires on {best.fires_on_role:.0%} of the words "
        f"that are “{best.role}” and on {best.fires_elsewhere:.0%} of other words (AUC {best.auc:.2f}; "
        f"shuffled labels reach {best.threshold:.2f}).",
        value=best.auc,
        control=best.threshold,
        needed=best.threshold,
        link={
            "a": str(checkpoint.address),
            "layer": str(best.layer),
            "neuron": str(best.neuron),
            "text": sentence_with(checkpoint, best.role),
        },
    )


def sentence_with(checkpoint: Checkpoint, role: str) -> str:
    """Return the first sentences of an unseen nursery story in which two words have a role, or else one."""
    label, best, most = ROLES.index(role), "", -1
    for story in annotated(checkpoint.tokenizer, LOOKED_THROUGH, first=UNSEEN_FROM):
        text = _first_sentences(story.story.text, SENTENCE)
        read = len(checkpoint.tokenizer.encode_story(text))
        words = roles_of(story, checkpoint.tokenizer)
        there = int(words.labels[np.array(words.places) < read, label].sum())
        if there >= 2:
            return text
        if there > most:
            best, most = text, there
    return best


def _first_sentences(text: str, words: int) -> str:
    """Cut a text at the first sentence end after `words` words."""
    for end in re.finditer(r"[.!?][\"”]?(?=\s)", text):
        if len(text[: end.end()].split()) >= words:
            return text[: end.end()]
    return text


def ablation_find(checkpoint: Checkpoint, one: Ablated | None, highest: float) -> Find:
    """Describe the token of a shipped story with the largest single-head ablation effect."""
    if one is None:
        return Find(
            kind="largest ablation",
            found=False,
            says=f"No single head decides a word of the shipped stories: the loss rises by at most "
            f"{highest:.2f} nats (needed {NEEDED:g}, with resample ablation too).",
            value=highest,
            needed=NEEDED,
            link={},
        )
    return Find(
        kind="largest ablation",
        found=True,
        says=f"Without head {one.layer}.{one.head} the loss of “{one.word.strip()}” rises by "
        f"{one.effect:.1f} nats; without another head by {one.control:.2f} on average.",
        value=one.effect,
        control=one.control,
        needed=NEEDED,
        link=_at(checkpoint, one),
        texts=_before(checkpoint, one),
    )


def flip_find(checkpoint: Checkpoint, one: Ablated | None, highest: float) -> Find:
    """Describe the head whose ablation replaces a pronoun by another word."""
    if one is None:
        return Find(
            kind="pronoun flipped",
            found=False,
            says="No single head turns a pronoun of the shipped stories into another word: the loss "
            f"rises by at most {highest:.2f} nats.",
            value=highest,
            link={},
        )
    return Find(
        kind="pronoun flipped",
        found=True,
        says=f"Without head {one.layer}.{one.head} “{one.word.strip()}” becomes “{one.instead.strip()}”: "
        f"{one.probability:.0%} before, now {one.instead_probability:.0%} for the other. Its loss rises "
        f"by {one.effect:.1f} nats, without another head by {one.control:.2f} on average.",
        value=one.effect,
        control=one.control,
        link=_at(checkpoint, one) | {"off": f"{one.layer}.{one.head}"},
        texts=_before(checkpoint, one),
    )


def _at(checkpoint: Checkpoint, one: Ablated) -> dict[str, str]:
    return {"a": str(checkpoint.address), "story": one.story, "token": str(one.token)}


def _before(checkpoint: Checkpoint, one: Ablated) -> tuple[Text, ...]:
    """Return the text before the word, the word, and what is predicted instead."""
    text = story_that_fits([checkpoint], shipped.story(one.story).text).text
    begin = checkpoint.tokenizer.offsets(text)[one.token - 1][0]
    return (
        Text(name="before", text=" ".join(text[:begin].split()[-14:])),
        Text(name="word", text=one.word.strip()),
        Text(name="instead", text=one.instead.strip()),
    )


def names_find(run: Run, names: History) -> Find:
    """Find the step from which a head attends back to names, with its curve over checkpoints."""
    appeared = names.learnt()
    curves = (
        FindCurve(name="best head", steps=names.steps, values=tuple(v.value for v in names.values)),
        FindCurve(
            name="its attention, moved",
            steps=names.steps,
            values=tuple(v.baseline or 0.0 for v in names.values),
        ),
    )
    if len(names.steps) < 2:
        return Find(
            kind="names return",
            found=False,
            says="When names come back cannot be told from one checkpoint (needed 2).",
            value=float(len(names.steps)),
            needed=2.0,
            link={},
        )
    if appeared is None:
        above = [one.value - (one.baseline or 0.0) for one in names.values]
        highest = max(above, default=0.0)
        return Find(
            kind="names return",
            found=False,
            says="No step after which a head keeps looking back at names: at most "
            f"{highest:.1%} above its attention, moved (needed {EFFECT:.0%} at every later step, and "
            "less before).",
            value=round(highest, 4),
            needed=EFFECT,
            link={},
        )
    which = names.values[names.steps.index(appeared.step)].which
    return Find(
        kind="names return",
        found=True,
        says=f"At step {appeared.step:,} names come back: head {which} gives them {appeared.after:.0%} of "
        f"its attention (moved: {appeared.control:.0%}); one checkpoint before the best head gave "
        f"{appeared.before:.0%}.",
        value=appeared.after,
        control=appeared.control,
        needed=EFFECT,
        link={"a": str(Address(run.name, names.steps[-1])), "measure": BEST_HEAD, "of": "names"},
        curves=curves,
    )


def grammar_find(run: Run, words: Mapping[int, Mapping[WordGroup, float]]) -> Find:
    """Compare when function words and words that depend on the story so far are learnt, as two curves."""
    steps = sorted(words)
    if len(steps) < 3:
        return Find(
            kind="grammar first",
            found=False,
            says="What is learnt first cannot be told from fewer than 3 checkpoints.",
            value=float(len(steps)),
            needed=3.0,
            link={},
        )
    half: dict[WordGroup, int] = {}
    curves, told = [], []
    for part, name in GRAMMAR_AND_CONSISTENCY:
        nats = [words[step][part] for step in steps]
        whole = nats[0] - nats[-1]
        share = [(nats[0] - one) / whole if whole > 0 else 0.0 for one in nats]
        if whole > 0:
            half[part] = next(step for step, one in zip(steps, share, strict=True) if one >= 0.5)
        told.append(
            f"{name} {nats[0]:.1f} → {nats[-1]:.1f} nats a word, half of it by step "
            + (f"{half[part]:,}" if part in half else "never")
        )
        curves.append(
            FindCurve(name=name, steps=tuple(steps), values=tuple(round(one, 4) for one in share))
        )
    frame, later = half.get("frame"), half.get("later mentions")
    found = frame is not None and later is not None and frame < later
    return Find(
        kind="grammar first",
        found=found,
        says=(
            "Grammar before consistency: "
            if found
            else "Grammar is not learnt before consistency: "
        )
        + "; ".join(told)
        + ".",
        value=None if later is None else float(later),
        control=None if frame is None else float(frame),
        link={"a": str(Address(run.name, steps[-1]))} if found else {},
        curves=tuple(curves),
    )


def checkpoints_find(run: Run, checkpoint: Checkpoint, pair: CheckpointPair | None) -> Find:
    """Continue one opening with an early checkpoint and with this one, at temperature 0."""
    step = checkpoint.address.step
    if pair is None or step is None or pair.earlier >= step:
        return Find(
            kind="two checkpoints",
            found=False,
            says="Nothing was seen to be learnt between two checkpoints of this run "
            f"({len([one for one in run.steps if step is None or one <= step])} up to this one).",
            link={},
        )
    early = load_checkpoint(Address(run.name, pair.earlier))
    opening = shipped.openings()[0]
    prompt = opening_that_fits([early, checkpoint], opening).text
    sampling = Sampling(temperature=0.0, max_tokens=WRITTEN)
    texts = tuple(
        Text(name=f"step {one.address.step:,}", text=complete(one, [prompt], sampling)[0].text)
        for one in (early, checkpoint)
    )
    bits = {metric.step: metric.val_bits_per_byte for metric in run.metrics()}
    now, then = bits.get(step), bits.get(pair.earlier)
    told = "" if now is None or then is None else f" ({then:.2f} and {now:.2f} bits per byte)"
    return Find(
        kind="two checkpoints",
        found=True,
        says=f"One opening, step {pair.earlier:,} and step {step:,}{told}, the likeliest tokens.",
        value=now,
        control=then,
        link={
            "a": str(checkpoint.address),
            "b": str(early.address),
            "opening": opening,
            "temperature": "0.0",
        },
        texts=(Text(name="opening", text=prompt), *texts),
    )


def in_order(finds: Sequence[Find]) -> tuple[Find, ...]:
    """Sort finds: those that were found first."""
    return tuple(sorted(finds, key=lambda one: not one.found))
