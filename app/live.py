"""A story written live: each tick of the page pulls a few more tokens.

Held in a session's state; without streamlit, so that a test can pull it as a page does.
"""

import time
from typing import Any

from app.widgets.story_view import Shown
from slm.errors import BadInput
from slm.generation.branches import BranchPath, forced_tokens
from slm.generation.sampler import Completion, GeneratedToken, Sampling, stories_json, stream
from slm.runs import Checkpoint

WHY_STOPPED = {
    "story end": "The model ended the story.",
    "max tokens": "It reached the number of tokens asked for.",
    "context full": "It reached the end of its context: it cannot see further back than that.",
}


class LiveStory:
    """What has been written so far, and the generator that writes on. `path` are choices to take."""

    def __init__(
        self, checkpoint: Checkpoint, prompt: str, sampling: Sampling, path: BranchPath = ()
    ) -> None:
        self.address = str(checkpoint.address)
        self.prompt, self.sampling = prompt, sampling
        self.path, self.forced = path, forced_tokens(path)
        self.tokens: list[GeneratedToken] = []
        self.completion: Completion | None = None
        self.cut_short = False
        self.error = ""
        tokenizer = checkpoint.tokenizer
        self._opening = tokenizer.to_str_tokens(tokenizer.encode_story(prompt))
        self._decode = tokenizer.decode
        self._stream = stream(checkpoint, prompt, sampling, forced=self.forced)

    @property
    def writing(self) -> bool:
        """Whether more may come."""
        return self.completion is None and not self.cut_short

    def advance(self, seconds: float) -> None:
        """Write for about so long; what forbids it lies in `error`.

        What stands before the last choice was read already: it comes at once, whatever it takes.
        """
        until, known = time.monotonic() + seconds, max(self.forced, default=-1)
        while self.writing and (len(self.tokens) <= known or time.monotonic() < until):
            try:
                self.tokens.append(next(self._stream))
            except StopIteration as finished:
                self.completion = finished.value
            except BadInput as error:
                self.error, self.cut_short = str(error), True

    def stop(self) -> None:
        """Write no further; what stands written stays."""
        if self.writing:
            self.cut_short = True
            self._stream.close()

    @property
    def text(self) -> str:
        """Prompt and story as they read."""
        return self.prompt + self.text_from(0)

    def text_from(self, place: int) -> str:
        """Return what was written from a place on."""
        return self._decode([token.token for token in self.tokens[place:]])

    @property
    def opening(self) -> int:
        """How many tokens were given; those shown after them were written."""
        return len(self._opening)

    @property
    def why(self) -> str:
        """Why it stopped; empty while it has not."""
        if self.completion is not None:
            return WHY_STOPPED[self.completion.stopped]
        return self.error or ("You stopped it." if self.cut_short else "")

    def shown(self) -> list[Shown]:
        """Return the prompt uncoloured, then what was written, each token with its probability."""
        opening = [Shown(text=str_token) for str_token in self._opening]
        return opening + [
            Shown(
                text=token.str_token,
                value=token.probability,
                alternatives=tuple((a.str_token, a.probability) for a in token.alternatives),
            )
            for token in self.tokens
        ]

    def to_json(self) -> dict[str, Any]:
        """Return what was written and how, every token with its probability, and why it stopped."""
        written = self.completion or Completion(
            prompt=self.prompt,
            text=self.text_from(0),
            tokens=tuple(token.token for token in self.tokens),
            stopped="cut short",
        )
        return stories_json(
            self.address, self.prompt, self.sampling, self.path, [written], self.tokens
        )
