"""Writers of stories whose following is known: stand-ins for models."""

from collections.abc import Sequence

from slm.following.requests import held_out_stories, request_of
from slm.following.study import Following, FollowingSettings, Writer, study
from slm.following.unseen_pairs import WAYS, unseen_stories
from slm.progress import result_of

FEW = FollowingSettings(requests=60, pair_stories=40)


def answers() -> dict[str, str]:
    """The story of each request that is asked with few requests."""
    stories = held_out_stories(3 * FEW.requests)
    found = {request_of(story).prompt: story.text for story in stories}
    for story in unseen_stories(FEW.pair_stories):
        found |= {request_of(story, fields).prompt: story.text for fields in WAYS}
    return found


def perfect() -> Writer:
    """Write the very story that is asked for."""
    known = answers()
    return lambda prompts, batch: [known[prompt] for prompt in prompts]


def deaf() -> Writer:
    """Write a whole story of another request, whatever is asked for."""
    stories = [story.text for story in held_out_stories(400)[300:]]
    count = 0

    def write(prompts: Sequence[str], batch: int) -> list[str]:
        nonlocal count
        count += len(prompts)
        return [stories[(count + at) % len(stories)] for at in range(len(prompts))]

    return write


def lost_at_the_unseen_pair() -> Writer:
    """Write what is asked for, but another's story where Words and Summary come together."""
    well, badly = perfect(), deaf()

    def write(prompts: Sequence[str], batch: int) -> list[str]:
        both = ["Words: " in prompt and "Summary: " in prompt for prompt in prompts]
        pairs = zip(both, well(prompts, batch), badly(prompts, batch), strict=True)
        return [bad if lost else good for lost, good, bad in pairs]

    return write


def studied(writer: Writer) -> Following:
    """Study a writer with few requests."""
    return result_of(study(writer, FEW))
