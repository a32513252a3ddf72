"""A story being written while a page is looked at: each tick of the page pulls a few more tokens.

Held in a session's state. Knows no streamlit: a test can pull it as a page does.
"""

import json
import time
from dataclasses import asdict

from app.story_view import Shown
from slm.errors import BadInput
from slm.runs import Checkpoint
from slm.writing.sampler import Completion, Sampling, WrittenToken, stream

WHY_STOPPED = {
    "story end": "The model ended the story.",
    "max tokens": "It reached the number of tokens asked for.",
    "context full": "It reached the end of its context: it cannot see further back than that.",
}


class LiveStory:
    """What has been written so far, and the generator that writes on."""

    def __init__(self, checkpoint: Checkpoint, prompt: str, sampling: Sampling) -> None:
        self.address = str(checkpoint.address)
        self.prompt, self.sampling = prompt, sampling
        self.tokens: list[WrittenToken] = []
        self.completion: Completion | None = None
        self.cut_short = False
        self.error = ""
        tokenizer = checkpoint.tokenizer
        self._opening = tokenizer.pieces(tokenizer.encode_story(prompt))
        self._decode = tokenizer.decode
        self._stream = stream(checkpoint, prompt, sampling)

    @property
    def writing(self) -> bool:
        """Whether more may come."""
        return self.completion is None and not self.cut_short

    def advance(self, seconds: float) -> None:
        """Write for about so long; what forbids it lies in `error`."""
        until = time.monotonic() + seconds
        while self.writing and time.monotonic() < until:
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
        return self.prompt + self._decode([token.token for token in self.tokens])

    @property
    def why(self) -> str:
        """Why it stopped; empty while it has not."""
        if self.completion is not None:
            return WHY_STOPPED[self.completion.stopped]
        return self.error or ("You stopped it." if self.cut_short else "")

    def shown(self) -> list[Shown]:
        """The prompt uncoloured, then what was written, each token with its probability."""
        opening = [Shown(piece=piece) for piece in self._opening]
        return opening + [
            Shown(
                piece=token.piece,
                value=token.probability,
                alternatives=tuple((a.piece, a.probability) for a in token.alternatives),
            )
            for token in self.tokens
        ]

    def to_json(self) -> str:
        """Everything that was drawn and how, for the reader's own tools."""
        stopped = self.completion.stopped if self.completion else "cut short"
        return json.dumps(
            {
                "address": self.address,
                "prompt": self.prompt,
                "sampling": asdict(self.sampling),
                "text": self.text[len(self.prompt) :],
                "stopped": stopped,
                "tokens": [asdict(token) for token in self.tokens],
            },
            ensure_ascii=False,
            indent=1,
        )
