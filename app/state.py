"""All state of a session and of a page's link: every key of `st.session_state` is declared here.

A `Linked` control belongs to the page in whose class it stands and is called `page.name`, in
Streamlit's state and in the link. What several pages share, such as the chosen head, belongs to
`Shared`, has a bare name, and is listed by the pages that read it. A link may use the name without
its page, or one of the names and option words of earlier versions: `adopt_link` replaces them, and
drops whatever the page does not read. A `Kept` value stays in the session and is in no link.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypedDict, TypeVar, cast

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx

if TYPE_CHECKING:
    import tempfile

    from app.jobs.work import Work
    from app.live import LiveStory
    from app.views.writing.branching import LiveBranches
    from slm.grading.items import Item
    from slm.knowledge.prompts import Prompt
    from slm.lessons.answers import GuessedAnswer
    from slm.llm.servers import ServerTest
    from slm.model.config import ModelConfig

T = TypeVar("T")
Letter = Literal["a", "b"]
LETTERS: tuple[Letter, Letter] = ("a", "b")


class Bound(TypedDict):
    """What a widget is given so that the link carries its value."""

    key: str
    bind: Literal["query-params"]


class Named:
    """A name in `st.session_state`: that of its page, a point, and its own."""

    key = ""

    def __set_name__(self, page: type, name: str) -> None:
        if not self.key:  # else it is one of `Shared` that a page lists
            self.key = (
                name
                if page.__name__ == "Shared"
                else f"{page.__name__.removesuffix('State').lower()}.{name}"
            )


class Linked(Named, Generic[T]):
    """A control that the link carries.

    `was` are earlier names, `words` earlier words for its options; of `many` there are several,
    told apart by a further part of the key.
    """

    def __init__(
        self, *was: str, words: Mapping[str, str] | None = None, many: bool = False
    ) -> None:
        self.was, self.words, self.many = was, words or {}, many

    @property
    def names(self) -> tuple[str, ...]:
        """What a link may call it beside its key: its name without the page, and earlier names."""
        return (self.key.rpartition(".")[2], *self.was)

    @property
    def bound(self) -> Bound:
        """The key and the binding, for a widget: `st.toggle("Hide", **Attention.hide.bound)`."""
        return {"key": self.key, "bind": "query-params"}

    def of(self, part: str) -> "Linked[T]":
        """Return one of many: by a model's letter, or by the option that its values depend on."""
        one: Linked[T] = Linked(words=self.words)
        one.key = f"{self.key}.{part.replace(' ', '_')}"
        return one

    def get(self) -> T | None:
        """Return the chosen value; None before the widget was shown."""
        return cast("T | None", st.session_state.get(self.key))

    def set(self, value: T) -> None:
        """Choose a value (from a widget's callback)."""
        st.session_state[self.key] = value

    def in_link(self) -> str:
        """Return the link's value, of a value that is no widget's or whose widget comes later."""
        return st.query_params.get(self.key, "")

    def into_link(self, value: str) -> None:
        """Put the value into the link; nothing where it is empty."""
        if value and self.in_link() != value:
            st.query_params[self.key] = value
        elif not value:
            st.query_params.pop(self.key, None)

    def named(self, name: str) -> str | None:
        """Return the key that a name in a link means, if it means this control."""
        for own in (self.key, *self.names):
            if name == own:
                return self.key
            if self.many and name.startswith((f"{own}_", f"{own}-", f"{own}.")):
                return f"{self.key}.{name[len(own) + 1 :]}"
        return None


class SessionValue(Named, Generic[T]):
    """A value that a session keeps, and no link names."""

    def of(self, part: str) -> "SessionValue[T]":
        """Return one of many."""
        one: SessionValue[T] = SessionValue()
        one.key = f"{self.key}.{part}"
        return one

    def get(self) -> T | None:
        """Return the value; None where there is none."""
        return cast("T | None", st.session_state.get(self.key))

    def set(self, value: T) -> None:
        """Keep a value."""
        st.session_state[self.key] = value

    def pop(self) -> T | None:
        """Forget the value, and return it."""
        return cast("T | None", st.session_state.pop(self.key, None))

    def at_first(self, value: T) -> T:
        """Return the value, setting it to this one where there was none."""
        return cast("T", st.session_state.setdefault(self.key, value))


@dataclass
class ModelSlot:
    """Model A or B of a session: which checkpoint is chosen, and how its steps are walked through."""

    address: str | None = None
    """`run@step`."""
    in_link: str | None = None
    """What the link was last told."""
    notice: str | None = None
    """What was wrong with what the link asked for."""
    playing: str | None = None
    """The run whose checkpoints are shown one after the other."""
    by_page: str | None = None
    """What the page chose where nobody had ("" for nothing); None where no page was to choose."""
    walked: bool = False
    """Whether another step was chosen in this session."""
    new_pickers: int = 0
    """How often the app itself chose another model: its widgets are then made anew."""
    new_sliders: int = 0
    """The same for the slider of steps."""


def slot(letter: Letter) -> ModelSlot:
    """Return model A or B of this session."""
    return cast("ModelSlot", st.session_state.setdefault(f"model.{letter}", ModelSlot()))


class PageState:
    """A page's state: what its link carries, and what it keeps. `url` is its path."""

    url: ClassVar[str]

    @classmethod
    def controls(cls) -> Iterator[Linked[Any]]:
        """Return what the page's link may carry beside the models."""
        return (value for value in vars(cls).values() if isinstance(value, Linked))


class Shared:
    """What is looked at, on every page that reads it; and what a session knows of all pages."""

    story = Linked[str]()
    text = Linked[str]()
    token = Linked[int]()
    layer = Linked[int]()
    head = Linked[int]()
    neuron = Linked[int]()
    temperature = Linked[float]()
    seed = Linked[int]()
    tokens = Linked[int]()
    top_k = Linked[int]()
    top_p = Linked[float]()
    source = Linked[str]("read")
    corpus = Linked[str]()
    judge = Linked[str]()
    server = SessionValue[str]()  # nobody else shall choose where a key is sent
    secret = SessionValue[str]()
    asked_for = SessionValue[set[str]]()
    page = SessionValue[str]()
    chosen = SessionValue[dict[str, list[str]]]()
    visited = SessionValue[list[tuple[str, dict[str, list[str]]]]]()
    seen_since = SessionValue[float]()
    works: "SessionValue[dict[str, Work[Any]]]" = SessionValue()
    latest: "SessionValue[dict[tuple[str, str, object], Work[Any]]]" = SessionValue()
    opened_head = SessionValue[tuple[str, int, int]]()
    not_chosen = SessionValue[set[str]]()


class HomeState(PageState):
    """Hold what the page Home keeps: the story that is being written."""

    url = ""
    writing: "SessionValue[LiveStory]" = SessionValue()
    measuring = SessionValue[str]()


class LessonsState(PageState):
    """Hold what the page Lessons keeps: the lesson, its step and what was guessed."""

    url = "lessons"
    lesson = Linked[str]()
    step = Linked[int]()
    presenter = Linked[bool]()
    at = SessionValue[tuple[str, int, str]]()
    guesses: "SessionValue[dict[tuple[str, int], GuessedAnswer]]" = SessionValue()
    seed = SessionValue[int]()
    stories: "SessionValue[dict[object, LiveStory]]" = SessionValue()
    number = SessionValue[float]()
    token = SessionValue[int]()
    checkpoint = SessionValue[int]()


class GlossaryState(PageState):
    """Hold what the page Glossary keeps: the term and what is searched for."""

    url = "glossary"
    term = Linked[str]()


class TrainState(PageState):
    """Hold what the page Train keeps: the form of a training and the run that is watched."""

    url = "train"
    start = Linked[str]()
    shape = Linked[str]()
    width = Linked[int]()
    layers = Linked[int]()
    heads = Linked[int]()
    vocabulary = Linked[int](many=True)
    parent = Linked[str]()
    parent_step = Linked[int](many=True)
    corpus = Linked[str]()
    path = Linked[str]()
    ends = Linked[str]()
    mark = Linked[str]()
    column = Linked[str]()
    cut_off = Linked[str]()
    without = Linked[list[str]]()
    budget = Linked[str]()
    minutes = Linked[float]()
    millions = Linked[float]()
    name = Linked[str]()
    recipe = Linked[str]()
    seed = Linked[int]()
    muon_lr = Linked[float]()
    adam_lr = Linked[float](many=True)
    preview = Linked[bool]()
    previewed = Linked[int]()
    run = Linked[str]()
    unit = Linked[str]()
    samples = Linked[int](many=True)
    timed: "SessionValue[ModelConfig]" = SessionValue()
    watch_next = SessionValue[str]()
    running = SessionValue[tuple[bool, int]]()


class StoriesState(PageState):
    """Hold what the page Stories keeps: the corpus, the story, and what is searched for."""

    url = "stories"
    view = Linked[str]()
    source = Linked[str]()
    corpus = Shared.corpus
    read = Linked[int]()
    number = Linked[int]()
    query = Linked[str]()
    kind = Linked[str]()
    label = Linked[str]()
    value = Linked[str]()
    sample = Linked[int]()
    measure = Linked[str]()
    pressed = SessionValue[tuple[str, str, int]]()


class CompareState(PageState):
    """Hold what the page Compare keeps: what is compared, and how."""

    url = "compare"
    view = Linked[str]("compare")
    runs = Linked[list[str]]()
    source = Linked[str]("read_both")
    corpus = Shared.corpus
    stories = Linked[int]()
    measure = Linked[str]()
    of_measure = Linked[str]("of", many=True)
    over = Linked[str]()
    kind = Linked[str]()
    steps = Linked[bool]()
    pair = SessionValue[int]()
    measuring = SessionValue[tuple[str, tuple[str, ...]]]()
    report = SessionValue[tuple[str, str, str, int]]()


class ImportsState(PageState):
    """Hold what the page Imports keeps: what is imported, and from where."""

    url = "import"
    source = Linked[str]("from")
    path = Linked[str]()
    tokenizer = Linked[str]()
    name = Linked[str]()
    upload: "SessionValue[tempfile.TemporaryDirectory[str]]" = SessionValue()
    looking: "SessionValue[tuple[str, Work[Any]]]" = SessionValue()
    importing: "SessionValue[tuple[str, Work[Any]]]" = SessionValue()
    imported = SessionValue[str]()


class GridState(PageState):
    """Hold what the page Grid keeps: the sweep, its score, and the form of a new one."""

    url = "grid"
    view = Linked[str](
        "see",
        words={
            "the table": "Table",
            "over training": "Curves",
            "the paper's findings": "Findings",
            "train a grid": "Sweep",
        },
    )
    sweep = Linked[str]("grid")
    judge = Linked[str]("grader")
    score = Linked[str]()
    heads = Linked[str]()
    over = Linked[str](words={"compute": "Compute, 6 N D"})
    widths = Linked[list[int]]()
    depths = Linked[list[int]]()
    d_head = Linked[int]()
    vocabulary = Linked[int]()
    corpus = Linked[str]()
    path = Linked[str]()
    millions = Linked[float]()
    name = Linked[str]()


class AttentionState(PageState):
    """Hold what the page Attention keeps: the head, the token, and how the weights are shown."""

    url = "attention"
    story, text, token = Shared.story, Shared.text, Shared.token
    layer, head = Shared.layer, Shared.head
    view = Linked[str]()
    more_heads = Linked[list[str]]("beside")
    weights = Linked[str](words={"what is moved": "value-weighted"})
    hide = Linked[bool]()
    distances = Linked[bool]("far")
    checks = Linked[bool](many=True)
    opened = SessionValue[tuple[str, int]]()


class HeadsState(PageState):
    """Hold what the page Heads keeps: the stories that are read, and the head."""

    url = "heads"
    source, corpus = Shared.source, Shared.corpus
    layer, head = Shared.layer, Shared.head
    stories = Linked[int]("told")
    kind = Linked[str]()
    checks = Linked[bool](many=True)


class NeuronsState(PageState):
    """Hold what the page Neurons keeps: the neuron, the view, and what is searched for."""

    url = "neurons"
    layer = Linked[int]()
    neuron = Shared.neuron
    text, token = Shared.text, Shared.token
    view = Linked[str](
        "show",
        words={
            "Where it fires": "Top activations",
            "How often": "Distribution",
            "What it writes": "Logit effect",
            "In my text": "On my text",
        },
    )
    side = Linked[str]()
    find = Linked[str]()
    word = Linked[str]()
    index_corpus = Linked[str]()
    role = Linked[str]()
    of_layer = Linked[int]()
    colour_by = Linked[str]()
    checks = Linked[bool](many=True)
    opened = SessionValue[tuple[str, int, int]]()
    indexing: "SessionValue[Work[int]]" = SessionValue()


class RolesState(PageState):
    """Hold what the page Roles keeps: the stories that are read, and the neuron."""

    url = "roles"
    view = Linked[str]("view_roles")
    source, corpus = Shared.source, Shared.corpus
    stories = Linked[int]()
    mentions = Linked[int]("mentioning")
    explained = Linked[int]("explaining")
    kind = Linked[str]()
    tested = Linked[str]()
    role = Linked[str]()
    neuron = Linked[str]("unit", many=True)
    trial = Linked[str](many=True)
    judge = Shared.judge
    checks = Linked[bool](many=True)
    explaining: "SessionValue[dict[str, Work[Any]]]" = SessionValue()


class PredictionsState(PageState):
    """Hold what the page Predictions keeps: the token, the view, and what is intervened on."""

    url = "predictions"
    story, text, token = Shared.story, Shared.text, Shared.token
    temperature, seed, tokens = Shared.temperature, Shared.seed, Shared.tokens
    top_k, top_p = Shared.top_k, Shared.top_p
    view = Linked[str](
        words={
            "Alternatives": "Next token",
            "Layer by layer": "Logit lens",
            "Parts": "Direct logit attribution",
            "Switched off": "Ablation",
            "Filled in": "Activation patching",
            "Written again": "Intervene and regenerate",
        }
    )
    word = Linked[str]()
    foil = Linked[str]("rival")
    layer = Linked[int]()
    replacement = Linked[str]()
    ablated_layer = Linked[int]("off_layer")
    replace = Linked[str]()
    by = Linked[str]()
    hook = Linked[str]()
    interventions = Linked[str]("off")
    checks = Linked[bool](many=True)
    opened = SessionValue[tuple[str, str, int]]()


class WritingState(PageState):
    """Hold what the page Writing keeps: the prompt, how it is sampled, and the branches."""

    url = "writing"
    view = Linked[str]()
    models = Linked[list[str]](many=True)
    opening = Linked[str]()
    prompt = Linked[str]()
    features = Linked[list[str]]()
    words = Linked[str]()
    summary = Linked[str]()
    sentence = Linked[str]()
    temperature, seed, tokens = Shared.temperature, Shared.seed, Shared.tokens
    top_k, top_p = Shared.top_k, Shared.top_p
    branches = Linked[str](many=True)
    branch = Linked[str](many=True)
    trees: "SessionValue[dict[object, LiveBranches]]" = SessionValue()
    followed = SessionValue[set[str]]()


class GradingState(PageState):
    """Hold what the page Grading keeps: the judge, the stories, and what is shown of the grades."""

    url = "grading"
    view = Linked[str]()
    judge_shown = Linked[str]("by")
    source = Linked[str]("from")
    openings = Linked[int]()
    samples = Linked[int]()
    reads = Linked[str]()
    repeats = Linked[int]()
    calibrate = Linked[bool]()
    again = Linked[bool]()
    at_once = Linked[int]()
    answer_tokens = Linked[int]()
    judge = Shared.judge
    tested: "SessionValue[ServerTest]" = SessionValue()
    models_there = SessionValue[str]()
    person = Linked[str]()
    followers = Linked[list[str]]("models")
    follower = Linked[str]("story-of")
    request = Linked[int]()
    following: "SessionValue[tuple[str, ...]]" = SessionValue()
    grading: "SessionValue[Work[None]]" = SessionValue()
    last: "SessionValue[Item]" = SessionValue()
    correcting: "SessionValue[Item]" = SessionValue()


class KnowledgeState(PageState):
    """Hold what the page Knowledge keeps: the prompts, the judge, and the score."""

    url = "knowledge"
    more_models = Linked[list[str]]("also")
    score = Linked[str](
        "by",
        words={"what it writes": "by generation", "what it thinks likelier": "by likelihood"},
    )
    edit = Linked[bool]()
    judging = Linked[bool]()
    judge = Shared.judge
    by_hand = Linked[bool]("hand")
    model = Linked[str]()
    prompt = Linked[int]()
    mine: "SessionValue[tuple[Prompt, ...]]" = SessionValue()
    file_read = SessionValue[str]()
    asking: "SessionValue[Work[Any]]" = SessionValue()


class MemorizationState(PageState):
    """Hold what the page Memorization keeps: the corpora, how endings are sampled, and the view."""

    url = "memorization"
    corpus = Linked[str]()
    validation = Linked[str]("unseen")
    told = SessionValue[tuple[str, str]]()
    view = Linked[str]()
    stories = Linked[int]()
    temperature = Linked[float]("heat")
    measure = Linked[str]()
    against = Linked[str]()
    k = Linked[int](many=True)
    endings = Linked[str](many=True)
    ending = Linked[int](many=True)
    templates = Linked[str](many=True)
    template = Linked[int](many=True)
    text = Linked[str]()
    shortest = Linked[int]()


PAGES: dict[str, type[PageState]] = {page.url: page for page in PageState.__subclasses__()}
MODELS = ("a", "b")
"""The names of the models in every link."""


def translated(page: type[PageState], link: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Convert a link to today's names and words, without what the page does not read."""
    found: dict[str, list[str]] = {}
    for name, values in link.items():
        if name in MODELS:
            found[name] = values
            continue
        for control in page.controls():
            if (key := control.named(name)) is not None:
                found[key] = [control.words.get(value, value) for value in values]
                break
    return found


def adopt_link(page: StreamlitPage) -> None:
    """Replace earlier names and words in the link that was opened, and drop what the page does not read.

    Who comes by the navigation finds the page as it was left, with the head, story or token that was
    chosen on another page since; and so does who goes back to an entry that Streamlit made itself
    while it changed the page, which has lost what the page's link said.
    """
    here, chosen = PAGES[page.url_path], Shared.chosen.at_first({})
    visited, context = Shared.visited.at_first([]), get_script_run_ctx()
    came, back = (
        Shared.page.get() != here.url,
        context is not None and context.is_history_navigation,
    )
    Shared.page.set(here.url)
    for name in Shared.not_chosen.pop() or ():
        if came:  # else the page itself says it again
            st.session_state.pop(name, None)
    link = {name: st.query_params.get_all(name) for name in st.query_params}
    now = translated(here, link)
    of_page = {name: values for name, values in now.items() if name not in MODELS}
    if came and back and (here.url, of_page) not in visited:
        of_page = next((said for url, said in reversed(visited) if url == here.url), of_page)
    elif came and not back and not of_page:
        of_page = _of_page(here, chosen)
    models = {letter: slot(letter).in_link for letter in LETTERS}
    told = {letter: [address] for letter, address in models.items() if address and came}
    now = told | {name: now[name] for name in MODELS if name in now} | of_page
    if now != link:
        with contextlib.suppress(StreamlitAPIException):  # widgets of this page hold the names
            Shared.page.pop()
            st.switch_page(page, query_params=now)
    Shared.page.set(here.url)
    if came or not visited:
        visited.append((here.url, of_page))
    visited[-1] = (here.url, of_page)
    for name in _of_page(here, chosen):
        del chosen[name]
    chosen.update(of_page)


def _of_page(page: type[PageState], chosen: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return what was chosen of the page's own controls and of those it shares."""
    return {name: values for name, values in chosen.items() if name in translated(page, {name: []})}


def not_chosen(*controls: Linked[Any]) -> None:
    """Take back that these were chosen: the page itself opened on them, and another may on others."""
    for control in controls:
        Shared.chosen.at_first({}).pop(control.key, None)
        Shared.not_chosen.at_first(set()).add(control.key)


def picked_points(key: str) -> list[dict[str, Any]]:
    """Return the points clicked in the chart of this key (for its callback)."""
    return cast("list[dict[str, Any]]", st.session_state[key].selection.points)


def picked_rows(key: str) -> list[int]:
    """Return the rows clicked in the table of this key (for its callback)."""
    return cast("list[int]", st.session_state[key].selection.rows)


def picked_place(key: str) -> int | None:
    """Return the place clicked in the story of this key (for its callback)."""
    return cast("int | None", st.session_state[key].picked)


def typed_into(key: str) -> str:
    """Return the text typed into the field of this key (for its callback)."""
    return str(st.session_state[key]).strip()
