"""A story and its branches, held in a session's state.

Without streamlit. A branch is written when it is first looked at, or when all are saved.
"""

from dataclasses import asdict
from typing import Any

from app.live import LiveStory
from app.widgets.story_view import Shown
from slm.errors import BadInput
from slm.generation.branches import Branches, BranchPath, branch_off, path_from_link, path_to_link
from slm.generation.sampler import GeneratedToken, Sampling
from slm.runs import Checkpoint
from slm.stories.tokenizer import END

THE_END = "the end"
AT_A_TIME = 60.0  # seconds; only how long a story may take before the loop looks again


class LiveBranches:
    """A tree of stories from one beginning and seed, the branch looked at, and the token asked about."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        prompt: str,
        sampling: Sampling,
    ) -> None:
        self.address = str(checkpoint.address)
        self.prompt, self.sampling = prompt, sampling
        self.tree = Branches()
        self.chosen: BranchPath = ()
        self.asked: int | None = None
        self.complaint = ""
        self._checkpoint = checkpoint
        self._stories: dict[BranchPath, LiveStory] = {}

    @property
    def story(self) -> LiveStory:
        """The branch looked at, as far as it is written."""
        return self._story(self.chosen)

    def _story(self, path: BranchPath) -> LiveStory:
        if path not in self._stories:
            self._stories[path] = LiveStory(self._checkpoint, self.prompt, self.sampling, path)
        return self._stories[path]

    # --- walking --------------------------------------------------------------------------------

    def choose(self, path: BranchPath) -> None:
        """Look at a branch."""
        self.chosen, self.asked, self.complaint = path, None, ""

    def ask(self, index: int) -> None:
        """Ask about the token shown at `index`; one of the beginning has no alternatives."""
        place = index - self.story.opening
        self.asked = place if place >= 0 and place != self.asked else None
        self.complaint = ""

    @property
    def asked_token(self) -> GeneratedToken | None:
        """The token asked about."""
        tokens = self.story.tokens
        return None if self.asked is None or self.asked >= len(tokens) else tokens[self.asked]

    def take(self, tokens: tuple[int, ...]) -> None:
        """Take these tokens in the place asked about, and look at the branch that begins there.

        Where the tree is full or its words too many, `complaint` says so.
        """
        assert self.asked is not None
        path = branch_off(self.chosen, self.asked, tokens)
        place, before = path[-1].place, self._story(path[:-1]).tokens
        drawn = tuple(token.token for token in before[place : path[-1].end])
        if drawn == path[-1].tokens:  # that is how the story goes from which this one parted
            path = path[:-1]
        try:
            self.tree = self.tree.grown(path)
        except BadInput as error:
            self.complaint = str(error)
        else:
            self.choose(path)

    def take_text(self, text: str) -> None:
        """Take a text of one's own; where a word stands and no space is written, one is put before it."""
        token = self.asked_token
        if not text.strip() or token is None:
            return
        begins_word = token.str_token.startswith(" ") and text[0].isalnum()
        self.take(
            tuple(self._checkpoint.tokenizer.encode_words(" " + text if begins_word else text))
        )

    def drop(self) -> None:
        """Forget the branch looked at with those that part from it, and look at what it parted from."""
        gone, self.tree = self.chosen, self.tree.without(self.chosen)
        self.choose(gone[:-1])
        for path in [path for path in self._stories if path not in self.tree]:
            del self._stories[path]

    # --- telling --------------------------------------------------------------------------------

    def shown(self) -> list[Shown]:
        """Return the tokens of the branch looked at."""
        story = self.story
        return [
            Shown(
                text=token.text,
                value=token.value,
                alternatives=token.alternatives,
                marked=index - story.opening in story.forced,
            )
            for index, token in enumerate(story.shown())
        ]

    def name(self, path: BranchPath) -> str:
        """Name a branch in a line: its place, the tokens taken there, and those they replace."""
        if not path:
            return "as it was drawn"
        last = path[-1]
        str_tokens = self._checkpoint.tokenizer.to_str_tokens(last.tokens)
        said = "".join(
            THE_END if str_token == END else str_token for str_token in str_tokens
        ).strip()
        before = self._stories.get(path[:-1])
        drawn = [token.str_token for token in before.tokens[last.place :]] if before else []
        end = len(last.tokens)
        while end < len(drawn) and drawn[end - 1][-1:].isalpha() and drawn[end][:1].isalpha():
            end += 1  # to the end of the word
        instead = "".join(drawn[:end]).strip()
        return f"{last.place}: {said}" + (f", not {instead}" if instead else "")

    def finish(self) -> None:
        """Write every branch to its end."""
        for path in self.tree.walk():
            story = self._story(path)
            while story.writing:
                story.advance(AT_A_TIME)

    def to_json(self) -> dict[str, Any]:
        """Return every branch with its parent, and every token with its alternatives."""
        self.finish()
        return {
            "address": self.address,
            "prompt": self.prompt,
            "sampling": asdict(self.sampling),
            "link": self.tree.to_link(),
            "branches": [
                {
                    "path": path_to_link(path),
                    "parts_from": path_to_link(path[:-1]) if path else None,
                    "at": path[-1].place if path else None,
                    "name": self.name(path),
                    **({"error": error} if (error := self._story(path).error) else {}),
                    **self._story(path).to_json(),
                }
                for path in self.tree.walk()
            ],
        }

    def to_text(self) -> str:
        """Format the story, then each branch, indented by its depth."""
        self.finish()
        parts = [self._story(()).text]
        for path in self.tree.walk():
            if not path:
                continue
            indent, story = "    " * len(path), self._story(path)
            lines = [f"[{self.name(path)}]", *story.text_from(path[-1].place).strip().split("\n")]
            parts.append("\n".join(indent + line if line else "" for line in lines))
        return "\n\n".join(parts) + "\n"


def from_links(
    checkpoint: Checkpoint, prompt: str, sampling: Sampling, tree: str, chosen: str
) -> LiveBranches:
    """Parse the tree in a link; where it is none, keep the story alone and set `complaint`."""
    stories = LiveBranches(checkpoint, prompt, sampling)
    try:
        path = path_from_link(chosen)
        stories.tree = Branches.from_link(tree).grown(path)
        stories.choose(path)
    except BadInput as error:
        stories.complaint = str(error)
    return stories
