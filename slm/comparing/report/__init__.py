"""A comparison as one HTML file that can be mailed: no network, no library, light and dark.

Every text that comes from a story, a model or a person is escaped here, in `in_html` or as data
that only `textContent` reads. Pictures of heads are alpha masks, so that they take the page's colours.
"""

import base64
from importlib import resources

from slm.comparing.comparison import PAINTED, Comparison, Thumbnails
from slm.comparing.curves import BITS, LOSS, SHOWN_FIRST
from slm.comparing.difference import StoryDifference, WordGain
from slm.comparing.matching import MatchedPair, Matching, Unit, UnmatchedUnit
from slm.comparing.report.drawing import chart, intervals, mask, mosaic
from slm.comparing.similarity import Similarity
from slm.stats.interval import Interval
from slm.stories.tokenizer import END
from slm.text import in_html

FULL = 4.0
"""Nats of difference that get the strongest colour, the same in every report and on the page."""
SENTENCES = 16
WORDS = 24
PAIRS = 96
NEURONS = 24
UNMATCHED_SHOWN = 200


def report(found: Comparison) -> str:
    """Render a comparison as one self-contained HTML file."""
    parts = [
        _head(found),
        _curves(found),
        _sentences(found),
        _painted(found),
        _words(found),
        _heads(found),
        _neurons(found),
        _similarity(found.similarity),
        _made(found),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">",
            f"<title>{in_html(found.a)} beside {in_html(found.b)}</title>",
            f"<style>{_file('report.css')}</style></head><body>",
            "<main>",
            *parts,
            "</main>",
            f'<div id="tip" role="status" data-a="{in_html(found.a)}" data-b="{in_html(found.b)}" '
            "hidden></div>",
            f"<script>{_file('report.js')}</script></body></html>",
            "",
        ]
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _head(found: Comparison) -> str:
    loss = found.loss
    rows = [("A", loss.a, "a"), ("B", loss.b, "b")]
    sections = [
        ("curves", "Curves"),
        ("sentences", "Sentences"),
        ("stories", "Stories"),
        ("words", "Words"),
        ("heads", "Heads"),
        ("neurons", "Neurons"),
        ("similarity", "Layers"),
        ("made", "How it was made"),
    ]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in sections)
    return f"""<h1>What changed between two models?</h1>
<p class="lead"><b class="a">A is {in_html(found.a)}</b>, <b class="b">B is {in_html(found.b)}</b>.
{found.loss.verdict()}</p>
<figure>{intervals(rows, "bits per byte")}
<figcaption>Bits per byte on the same {loss.stories} stories, lower is better. Lines: 95 % of
2,000 resamples of the stories.</figcaption></figure>
<nav>{links}</nav>"""


def _curves(found: Comparison) -> str:
    runs = [found.a.split("@")[0], found.b.split("@")[0]]
    drawn = []
    kinds = dict.fromkeys((curve.measure, curve.of) for curve in found.curves)
    for measure, of in kinds:
        if SHOWN_FIRST.get(measure, of) != of:
            continue
        mine = [curve for curve in found.curves if (curve.measure, curve.of) == (measure, of)]
        letters = {curve.run: "a" if curve.run == runs[0] else "b" for curve in mine}
        series = [
            (curve.run, letters[curve.run], [(p.over("tokens"), p.value) for p in curve.points])
            for curve in mine
        ]
        series += [
            (
                f"baseline of {curve.run}",
                f"{letters[curve.run]} baseline",
                [(p.over("tokens"), p.baseline) for p in curve.points if p.baseline is not None],
            )
            for curve in mine
            if any(p.baseline is not None for p in curve.points)
        ]
        label = f"{measure} on stories it has never seen" if measure in (BITS, LOSS) else measure
        label += f": {of}" if of else ""
        label += f"; baseline {mine[0].baseline}" if mine[0].baseline else ""
        drawn.append(f"<figure>{chart(series, 'tokens read', label)}</figure>")
    body = "".join(drawn) or '<p class="quiet">These runs wrote down no measurements.</p>'
    return f'<h2 id="curves">How they learned</h2><div class="columns">{body}</div>'


def _sentences(found: Comparison) -> str:
    rows = "".join(
        f'<tr><td class="n">{sentence.gain:+.1f}</td><td class="n">{sentence.story}</td>'
        f'<td class="says">{in_html(sentence.text)}</td></tr>'
        for sentence in found.sentences()[:SENTENCES]
    )
    return f"""<h2 id="sentences">Where do they differ most?</h2>
<p>Sentences, the largest difference first. The number is in nats: above 0, <b class="a">A</b> expected the
sentence better; below, <b class="b">B</b> did.</p>
<table><tr><th class="n">A saves</th><th class="n">story</th><th>sentence</th></tr>{rows}</table>"""


def _painted(found: Comparison) -> str:
    stories = found.by_gain()[:PAINTED]
    return f"""<h2 id="stories">Stories, word by word</h2>
<p>Blue: A was less surprised; orange: B was. Full colour is {FULL:g} nats. The {len(stories)} stories
that differ most, of {len(found.stories)}; hover, or walk with the arrows, to see what each model paid.</p>
<p class="quiet">B expected it better<span class="scale"></span>A expected it better</p>
{"".join(map(_story, stories))}"""


def _story(story: StoryDifference) -> str:
    inked = []
    for str_token, a, b in zip(story.str_tokens, story.a.tolist(), story.b.tolist(), strict=True):
        text = str_token
        space = text[: len(text) - len(text.lstrip(" "))] if text.strip() else ""
        shown = "■ end" if str_token == END else in_html(text[len(space) :])
        kind = ' class="end"' if str_token == END else ""
        inked.append(f'{space}<i{kind} data-n="{a:.2f} {b:.2f}"{_colour(b - a)}>{shown}</i>')
    return (
        f"<h3>Story {story.number}: A saves {story.bits_per_byte:+.3f} bits per byte</h3>"
        f'<div class="story" tabindex="0">{"".join(inked)}</div>'
    )


def _colour(gain: float) -> str:
    return _tint(max(-1.0, min(1.0, gain / FULL)))


def _tint(value: float) -> str:
    """Return the background style for a value from -1 to 1; none near 0."""
    much = round(abs(value) * 62)
    if much < 2:
        return ""
    ink = "plus" if value > 0 else "minus"
    return f' style="background:color-mix(in srgb,var(--ink-{ink}) {much}%,transparent)"'


def _words(found: Comparison) -> str:
    def rows(words: list[WordGain]) -> str:
        return "".join(
            f'<tr><td class="says">{"■ end of the story" if word.text == END else in_html(word.text)}</td>'
            f'<td class="n">{word.count}</td><td class="n">{word.gain.mean:+.2f}</td>'
            f'<td>{_between(word.gain)}</td><td class="n">{word.total:+.0f}</td></tr>'
            for word in words
        )

    header = (
        '<tr><th>word</th><th class="n">times</th><th class="n">saved each time</th><th>95 %</th>'
        '<th class="n">in all</th></tr>'
    )
    a = [word for word in found.words if word.total > 0][: WORDS // 2]
    b = [word for word in found.words if word.total < 0][: WORDS // 2]
    tables = "".join(
        f"<div><h3>{title}</h3><table>{header}{rows(words)}</table></div>"
        for title, words in (("Words that A expects better", a), ("Words that B expects better", b))
        if words
    )
    return f"""<h2 id="words">Which words?</h2>
<p>What A saves against B on a word, in nats, those that make most difference in all first. Words in
fewer than three stories are left out.</p><div class="columns">{tables}</div>"""


def _between(one: Interval) -> str:
    return f"{one.low:+.2f} to {one.high:+.2f}"


def _heads(found: Comparison) -> str:
    pictures = []
    style = []
    for letter, thumbnails in zip("ab", found.thumbnails, strict=True):
        image, columns = mosaic(thumbnails.image)
        style.append(
            f".of-{letter} {{ --mask: url(data:image/png;base64,{base64.b64encode(mask(image)).decode()}); "
            f"--size: {columns * 68}px auto; }}"
        )
    for pair in found.heads.pairs[:PAIRS]:
        pictures.append(_pair(pair, found))
    more = len(found.heads.pairs) - len(pictures)
    rest = f'<p class="quiet">And {more} more pairs.</p>' if more > 0 else ""
    return f"""<h2 id="heads">Which head is which?</h2>
<style>{"".join(style)}</style>
<p>{matched(found.heads)}</p>
<p class="quiet">Similarity is the correlation of the square roots of attention, over every token that looks
and every token it can look at but the first, each row's mean taken out: 1 the same pattern, 0 no more
than that both look somewhere. Pictures: one story, a row for a token that looks; layer.head.</p>
<div class="pairs">{"".join(pictures)}</div>{rest}
{_unmatched("Heads of A without counterpart", found.heads.unmatched_a)}
{_unmatched("Heads of B without counterpart", found.heads.unmatched_b)}"""


def matched(found: Matching) -> str:
    """Summarise in a sentence or two how many units are matched."""
    pairs, a, b = len(found.pairs), len(found.unmatched_a), len(found.unmatched_b)
    place = f", {found.in_place} of them in the same place," if found.in_place else ""
    return (
        f"{pairs} {found.kind} are matched{place} and {a} of A's and {b} of B's are not. A pair counts as "
        f"matched above {found.chance:.2f}: 95 % of the pairs with a model of shuffled weights, and 95 % "
        f"of the {found.kind} that were not given to each other, are less alike."
    )


def _unit(unit: Unit) -> str:
    return f"{unit[0]}.{unit[1]}"


def _pair(pair: MatchedPair, found: Comparison) -> str:
    faces = "".join(
        f'<span class="head of-{letter}" style="--at:{_place(thumbnails, unit, heads)}"></span>'
        for letter, thumbnails, unit, heads in zip(
            "ab", found.thumbnails, (pair.a, pair.b), _heads_each(found), strict=True
        )
    )
    names = f"{_unit(pair.a)} and {_unit(pair.b)}"
    return f'<div class="pair"><div>{faces}</div>{names}: {pair.similarity:.2f}</div>'


def _heads_each(found: Comparison) -> tuple[int, int]:
    a, b = (found.similarity.activations.shape[side] - 1 for side in (0, 1))
    return len(found.thumbnails[0].image) // a, len(found.thumbnails[1].image) // b


def _place(thumbnails: Thumbnails, unit: Unit, heads: int) -> str:
    _, columns = mosaic(thumbnails.image[:, :1, :1])
    row, column = divmod(unit[0] * heads + unit[1], columns)
    return f"{-68 * column}px {-68 * row}px"


def _unmatched(title: str, units: tuple[UnmatchedUnit, ...]) -> str:
    if not units:
        return ""
    told = "".join(
        f"<div>{_unit(one.unit)}, nearest {_unit(one.nearest)} ({one.similarity:.2f})</div>"
        for one in units[:UNMATCHED_SHOWN]
    )
    more = (
        f'<p class="quiet">And {len(units) - UNMATCHED_SHOWN} more.</p>'
        if len(units) > UNMATCHED_SHOWN
        else ""
    )
    shown = " open" if len(units) <= 24 else ""
    return (
        f"<details{shown}><summary>{title}: {len(units)}</summary>"
        f'<div class="units">{told}</div>{more}</details>'
    )


def _neurons(found: Comparison) -> str:
    def table(pairs: tuple[MatchedPair, ...]) -> str:
        rows = "".join(
            f'<tr><td>{_unit(p.a)}</td><td>{_unit(p.b)}</td><td class="n">{p.similarity:.2f}</td></tr>'
            for p in pairs
        )
        return f'<table><tr><th>of A</th><th>of B</th><th class="n">correlation</th></tr>{rows}</table>'

    pairs = found.neurons.pairs
    return f"""<h2 id="neurons">Which neuron is which?</h2><p>{matched(found.neurons)}</p>
<p class="quiet">Similarity is the correlation of pre-activations (hook_pre; of gated neurons
hook_post) over
all places; layer.neuron.</p>
<div class="columns"><div><h3>Most alike</h3>{table(pairs[: NEURONS // 2])}</div>
<div><h3>Just above chance</h3>{table(pairs[NEURONS // 2 :][-NEURONS // 2 :])}</div></div>
{_unmatched("Neurons of A without counterpart", found.neurons.unmatched_a)}
{_unmatched("Neurons of B without counterpart", found.neurons.unmatched_b)}"""


def _similarity(found: Similarity) -> str:
    def name(stage: int) -> str:
        return "in" if stage == 0 else str(stage - 1)

    stages_a, stages_b = found.activations.shape
    rows = "".join(
        f"<tr><th>{name(i)}</th>"
        + "".join(f"<td{_tint(value)}>{value:.2f}</td>" for value in found.activations[i])
        + "</tr>"
        for i in range(stages_a)
    )
    columns = "".join(f"<th>{name(j)}</th>" for j in range(stages_b))
    weights = '<p class="quiet">Weights can be compared only between models of one shape.</p>'
    if found.weights is not None:
        weights = (
            "<table>"
            + "".join(
                f'<tr><td>{part}</td><td class="n">{value:.3f}</td>'
                f'<td><span class="bar" style="width:{max(0.0, value) * 8:.2f}rem"></span></td></tr>'
                for part, value in found.weights.items()
            )
            + "</table>"
        )
    return f"""<h2 id="similarity">How alike are their layers?</h2><div class="columns"><div>
<h3>Activations</h3><p class="quiet">Linear CKA of the residual stream over {found.places:,}
places: rows, after each layer of A (“in”: the embedding); columns, of B. 1 is the same but for rotation
and scale.</p>
<table class="heat"><tr><td></td>{columns}</tr>{rows}</table></div>
<div><h3>Weights</h3><p class="quiet">Cosine between the weights of each part.</p>
{weights}</div></div>"""


def _made(found: Comparison) -> str:
    facts = "".join(f"<dt>{in_html(k)}</dt><dd>{in_html(v)}</dd>" for k, v in found.made.items())
    rule = (
        "Where tokenizers differ, a text is cut where tokens of both end; what the tokens of each "
        "stretch cost is added up."
    )
    return f'<h2 id="made">How it was made</h2><dl>{facts}<dt>rule</dt><dd>{rule}</dd></dl>'
