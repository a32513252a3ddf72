"""Every token of a nursery story knows the role of its word."""

from slm.stories.annotation.nursery import annotate, annotated
from slm.stories.nursery import NurseryStory, Role, Span
from slm.stories.tokenizer import Tokenizer

STORY = NurseryStory(
    text='Zuzu ran. "Hi!"',
    spans=(
        Span(0, 4, Role.HERO_FIRST, False),
        Span(5, 8, Role.ACTION, False),
        Span(11, 13, Role.SPEECH, True),
    ),
    features=frozenset(),
    words=("", "", ""),
    introduction="named",
    hero="Zuzu",
    plot="",
)


def test_a_word_of_several_tokens_begins_once_and_has_its_role_throughout(
    tokenizer: Tokenizer,
) -> None:
    found = annotate(STORY, tokenizer)
    str_tokens = tokenizer.to_str_tokens(found.tokens)
    assert "".join(str_tokens[1:]) == STORY.text
    hero = [at for at, role in enumerate(found.roles) if role is Role.HERO_FIRST]
    assert "".join(str_tokens[at] for at in hero) == "Zuzu" and len(hero) > 1
    assert found.where(Role.HERO_FIRST) == hero[:1]


def test_punctuation_and_the_opening_token_have_no_role(tokenizer: Tokenizer) -> None:
    found = annotate(STORY, tokenizer)
    str_tokens = tokenizer.to_str_tokens(found.tokens)
    for str_token, role in zip(str_tokens[1:], found.roles[1:], strict=True):
        assert (role is not None) == any(letter.isalpha() for letter in str_token)
    assert found.roles[0] is None


def test_what_is_said_aloud_is_marked(tokenizer: Tokenizer) -> None:
    found = annotate(STORY, tokenizer)
    str_tokens = tokenizer.to_str_tokens(found.tokens)
    said = "".join(p for p, quoted in zip(str_tokens, found.quoted, strict=True) if quoted)
    assert said == "Hi"


def test_every_word_of_every_story_begins_exactly_once(tokenizer: Tokenizer) -> None:
    for found in annotated(tokenizer, 30, seed=3):
        assert sum(found.begins) == len(found.story.spans)
        assert len(found.where(Role.HERO_FIRST)) == 1
