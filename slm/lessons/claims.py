"""Claims of lessons: each is measured on the model that is shown, with its control, and may fail."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from slm.errors import BadInput
from slm.lessons.kept import kept
from slm.lessons.measures import (
    copying,
    grades,
    heads,
    learning,
    next_word,
    roles,
    shapes,
    tokens,
    trainings,
    why_she,
)
from slm.lessons.measures.measured import Measured
from slm.runs import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim: its sentence, its measurement and control, and the threshold from which it holds."""

    name: str
    says: str
    measured: str
    control: str
    holds_from: str
    measure: Callable[[Checkpoint], Measured]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A claim on one model: what was measured, or why nothing could be."""

    claim: str
    address: str
    found: Measured | None
    why_not: str = ""

    @property
    def verdict(self) -> Literal["holds", "does not hold", "not measured"]:
        """Whether the claim holds, in words."""
        if self.found is None:
            return "not measured"
        return "holds" if self.found.holds else "does not hold"

    @property
    def before(self) -> str:
        """What was measured earlier on kept models, where nothing can be measured now; else empty."""
        there = kept()
        found = None if there is None or self.found is not None else there.claims.get(self.claim)
        return "" if found is None else f"measured once, with two such trainings: {found.told}"

    @property
    def sentence(self) -> str:
        """The verdict as a reader reads it."""
        if self.found is None:
            return f"cannot be measured here: {self.why_not}"
        here = "holds here" if self.found.holds else "does not hold for this model"
        return f"{here}: {self.found.told}"

    def to_json(self) -> dict[str, Any]:
        """Return everything that was measured."""
        about = CLAIMS[self.claim]
        return {
            "claim": self.claim,
            "says": about.says,
            "address": self.address,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "before": self.before,
            "measured": about.measured,
            "control": about.control,
            "holds_from": about.holds_from,
            "found": None if self.found is None else asdict(self.found),
        }


def check(checkpoint: Checkpoint, name: str) -> Checked:
    """Measure a claim on a model; what it lacks to be measured is told, not raised."""
    address = str(checkpoint.address)
    try:
        found = CLAIMS[name].measure(checkpoint)
    except BadInput as error:
        return Checked(claim=name, address=address, found=None, why_not=str(error))
    return Checked(claim=name, address=address, found=found)


def _by_name(claims: Sequence[Claim]) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims}


CLAIMS: dict[str, Claim] = _by_name(
    (
        Claim(
            name="next word",
            says="The model's first guess is right more often than that of a table of word pairs.",
            measured="share of tokens of the 20 shipped stories that are the model's first guess",
            control="the same for the token that most often followed the one before, in 400 nursery "
            "stories and the other shipped stories (a bigram)",
            holds_from="5 points more, and the 95 % interval of the difference (over stories) above 0",
            measure=next_word.beats_bigram,
        ),
        Claim(
            name="temperature",
            says="Hot stories are made of words that the model itself finds less likely.",
            measured="mean surprisal (bits) of 8 x 40 tokens drawn at temperature 1.5",
            control="the same at temperature 0.5",
            holds_from="half again as many bits at least, but not where both are a blind draw: at 0.5 the "
            "surprisal is below half of that of drawing every token alike",
            measure=next_word.heat_surprises,
        ),
        Claim(
            name="common words are tokens",
            says="Common words are one token, and letters in a random order are not.",
            measured="share of the 200 commonest words of the shipped stories that are one token",
            control="share of the same words that are one token with their letters shuffled",
            holds_from="half of the words more. It is about the tokenizer, which is made before the "
            "model learns: an untrained model's holds, too",
            measure=tokens.common_words,
        ),
        Claim(
            name="names are near names",
            says="The model has put names near names: it learned which words are alike.",
            measured="share of first names whose nearest token in the embedding is a first name",
            control="the same with the embedding's rows dealt out anew (mean of 50 deals)",
            holds_from="more than any of the 50 deals, and at least 0.2",
            measure=tokens.names_near_names,
        ),
        Claim(
            name="distance head",
            says="One head looks a fixed number of tokens back, whatever stands there.",
            measured="share of attention at its distance, on 64 nursery stories, of the head that is "
            "furthest above its control",
            control="the same head's attention, shuffled among the distances nearby",
            holds_from="5 points above the control, and the 95 % interval (over stories) above 0",
            measure=heads.distance_head,
        ),
        Claim(
            name="semantic head",
            says="One head looks at words for what they mean: names, the thing, the place.",
            measured="share of attention on such words, on 64 nursery stories, of the head that is "
            "furthest above its control",
            control="the larger of: the same places in other stories; other nouns before it",
            holds_from="5 points above the control, and the 95 % interval (over stories) above 0",
            measure=heads.semantic_head,
        ),
        Claim(
            name="articles look at things",
            says="In the banana story, “the” and “a” look at things more than other words do.",
            measured="mean attention of the best head from “the” and “a” to “banana” and “park”",
            control="of the same head to the same places from the words just before and after",
            holds_from="10 points more",
            measure=heads.articles_at_things,
        ),
        Claim(
            name="induction head",
            says="One head looks at what followed the last time.",
            measured="induction score (share of attention) of the best head, on random tokens said twice",
            control="the same attention, looked at by the tokens just before and after",
            holds_from="5 points above the control, and the 95 % interval above 0",
            measure=heads.induction_head,
        ),
        Claim(
            name="induction effect",
            says="Without the induction head the made-up name is less likely to come back.",
            measured="loss (nats) of the second token of ten made-up names said again, without the "
            "head of the highest induction score, less that of the whole model",
            control="the same without any one other head, on average",
            holds_from="0.1 nats more than the control, and the 95 % interval (over names) above 0",
            measure=heads.induction_effect,
        ),
        Claim(
            name="protagonist neuron",
            says="A neuron fires at the first mention of whom the story is about.",
            measured="ROC AUC of the best neuron, protagonist's first mention against other words at the "
            "same place, on nursery stories that it was not chosen on",
            control="what the luckiest of all neurons reaches when the labels are shuffled",
            holds_from="above the control and 0.85, its 95 % interval above 0.5",
            measure=roles.protagonist,
        ),
        Claim(
            name="first, not any mention",
            says="The neuron tells a first mention from a later one, so it is not just a name neuron.",
            measured="ROC AUC of the same neuron, first against later mentions of the protagonist",
            control="0.5, a coin",
            holds_from="0.7, its 95 % interval above 0.5, where the claim before it holds",
            measure=roles.first_not_any,
        ),
        Claim(
            name="she follows the name",
            says="Swap Lucy and Tom, and the model swaps she and he.",
            measured="logit difference of “ She” and “ He” after stories about girls",
            control="after the same stories about boys",
            holds_from="1 logit more, and the 95 % interval (over pairs of names) above 0",
            measure=why_she.follows_the_name,
        ),
        Claim(
            name="one head carries it",
            says="Patching a single head brings much of the answer back.",
            measured="share of the logit difference of “ she” and “ he” that the best head, filled in from "
            "the girl's story, restores; chosen on every other story, measured on the rest",
            control="the mean of all other heads",
            holds_from="0.25, and 0.2 more than the control, the 95 % interval (over stories) above 0",
            measure=why_she.one_head,
        ),
        Claim(
            name="grammar first",
            says="The model learns grammar before it keeps track of who is who.",
            measured="share of what is learned of function words that is learned halfway (mean over the "
            "checkpoints between the first and the one shown)",
            control="the same for names and things said again",
            holds_from="0.05 more, and more than two sets of stories differ by",
            measure=learning.grammar_first,
        ),
        Claim(
            name="depth for context",
            says="Remembering who is who leans on depth more than knowing the world does.",
            measured="share of the gain by a doubling that is depth's, for names and things said again",
            control="the same for actions, nouns and adjectives",
            holds_from="0.05 more, and more than two sets of stories differ by",
            measure=shapes.depth_for_context,
        ),
        Claim(
            name="it recites",
            says="This model ends the stories that it was trained on as the book does.",
            measured="ROUGE-2 precision of its endings (temperature 0) against the book's, for 24 "
            "stories that it was trained on",
            control="for 24 stories of the same kind that it never saw",
            holds_from="0.1 more, and the 95 % interval of the difference above 0",
            measure=copying.recites,
        ),
        Claim(
            name="the dog is gone",
            says="Where the stories say dog, the model whose stories had none says it no more.",
            measured="mean probability of “ dog” where nursery stories say it, by the model that was "
            "trained on them as they are",
            control="by the model that read cat for every dog",
            holds_from="20 times the control, and 0.005 more: there are many other animals",
            measure=trainings.dog_is_gone,
        ),
        Claim(
            name="grammar is not",
            says="All other words it says as well as before.",
            measured="loss (nats a token) on all other tokens of the model that read cat for every dog",
            control="of the model that was trained on the stories as they are",
            holds_from="not more than 0.1 nats apart, and both below 3 nats",
            measure=trainings.grammar_stays,
        ),
        Claim(
            name="likelihood sees shuffled words",
            says="A judge that grades by likelihood gives shuffled words a worse grade.",
            measured="loss (nats a token) of eight endings with their words shuffled",
            control="of the same endings as they are",
            holds_from="0.5 nats more, and the 95 % interval (over stories) above 0",
            measure=grades.sees_shuffled,
        ),
        Claim(
            name="likelihood likes itself",
            says="The same judge gives its own dull endings a better grade than a person's.",
            measured="loss (nats a token) of eight endings that people wrote",
            control="of what the model itself writes there at temperature 0",
            holds_from="1 nat more for the people's, and the 95 % interval (over stories) above 0; but "
            "not for a judge that finds people's endings hardly likelier than a blind draw",
            measure=grades.likes_itself,
        ),
    )
)
"""Every claim by its name."""
