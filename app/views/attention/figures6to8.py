"""The paper's Figures 6 to 8: heads by the distance they look back, and words that look at words."""

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures import style
from app.figures.attention import thumbnails
from app.figures.query_keys import word_matrices
from app.jobs import waiting
from app.widgets import show
from app.widgets.picture_buttons import picture_buttons
from slm.interp.heads.query_keys import STORIES, QueryKeys, StoryQueryKeys
from slm.interp.heads.scores import EFFECT
from slm.runs import Address, list_runs

ONE_LAYER = "one-layer"
"""The bundled run that is the paper's model here: one layer, and "banana" is one token."""


def shown_for(address: str) -> str:
    """Return the model that the figures are drawn of: the chosen one, or the bundled one-layer model."""
    if cache.checkpoint(address).config.n_layers == 1:
        return address
    steps = {run.name: run.last_step for run in list_runs()}
    last = steps.get(ONE_LAYER)
    return address if last is None else str(Address(ONE_LAYER, last))


def figures6to8(address: str, chosen: str) -> None:
    """Show the text with every head, nearest first, and the matrices of the text and of nursery stories."""
    found, alone = cache.query_keys(address), address == chosen
    work = cache.query_keys_in_stories(address, found.averaged)
    if not alone:
        st.caption(
            show.plain(
                f"The paper's model has one layer; {chosen} has more, so shown is {address}."
            )
        )
    left, right = st.columns([2, 3], gap="large")
    with left:
        figure = thumbnails(
            found.view.pattern,
            show.colours(),
            None,
            order=found.heads,
            captions=[f"{a}.{b} ({found.mean_distance[a, b]:.0f})" for a, b in found.heads],
            columns=4,
        )
        st.plotly_chart(
            figure,
            theme=None,
            key=f"by-distance-{address}",
            config=style.config(f"heads-by-distance-{address}"),
            alt="every head, the nearest first: " + ", ".join(f"{a}.{b}" for a, b in found.heads),
        )
        picture_buttons(f"heads-by-distance-{address}")
        st.caption(
            "Figures 6 and 7: every head on “Lucy and the banana”, the nearest first; in brackets how many "
            "tokens back it looks on average."
        )
        with st.expander("Figure 6: the text"):
            st.write(show.plain("".join(found.view.str_tokens[1:])))
    with right:
        st.markdown(f"{distance_says(found)}  \n{meaning_says(found)}")
        matrix(address, "In this text", found.found, found.shuffled, found)
        running = waiting.under_way({f"{STORIES} nursery stories": work}, f"query-keys-{address}")
        stories = work.result
        if stories is not None:
            name = f"In {stories.stories} nursery stories"
            st.markdown(words_say(stories))
            matrix(address, name, stories.found.mean, stories.shuffled.mean, stories)
        elif not running:
            waiting.say_why(work)
        footer(address, found, stories)
        st.caption(
            f"Figure 8, queries in rows and keys in columns: mean attention of {averaged_say(found)}, "
            "of queries that stand after such a key. At shuffled places: the same attention with the keys "
            "dealt among all earlier words. One text tells no interval."
        )


def matrix(
    address: str,
    title: str,
    found: np.ndarray,
    shuffled: np.ndarray,
    named: QueryKeys | StoryQueryKeys,
) -> None:
    """Show both matrices of a text or of stories."""
    name = f"words-{address}-{title.split()[-1]}"
    st.plotly_chart(
        word_matrices(found, shuffled, named.queries, named.keys, show.colours(), title),
        theme=None,
        key=name,
        config=style.config(name),
        alt=f"{title}: attention from {', '.join(named.queries)} to {', '.join(named.keys)}, beside the "
        "same at shuffled places",
    )
    picture_buttons(name)


def footer(address: str, found: QueryKeys, stories: StoryQueryKeys | None) -> None:
    """Offer what is shown as files, and the command that prints it."""
    parts: list[tuple[str, np.ndarray, np.ndarray, QueryKeys | StoryQueryKeys]] = [
        ("text", found.found, found.shuffled, found)
    ]
    if stories is not None:
        parts.append(("stories", stories.found.mean, stories.shuffled.mean, stories))
    rows = [
        (name, query, key, f"{of[row, column]:.5f}", f"{control[row, column]:.5f}")
        for name, of, control, named in parts
        for row, query in enumerate(named.queries)
        for column, key in enumerate(named.keys)
    ]
    show.footer(
        name=f"query-keys-{address}",
        table=lambda: show.csv(("where", "query", "key", "attention", "at shuffled places"), rows),
        everything=lambda: (
            found.to_json() | ({} if stories is None else {"nursery_stories": stories.to_json()})
        ),
        command=commands.query_keys(address, 0 if stories is None else stories.stories),
    )


def distance_says(found: QueryKeys) -> str:
    """Say how many distance heads there are, beside what the paper saw."""
    far, count = found.by_distance, found.mean_distance.size
    if not far:
        return f"**By distance:** none of {count} heads clearly does. The paper saw several."
    names = ", ".join(f"{a}.{b}" for a, b in far)
    backs = sorted(set(far.values()))
    at = " and ".join(map(str, backs))
    as_paper = (
        "The paper's heads each had a distance of their own; here that does not show."
        if len(backs) == 1 and len(far) > 1
        else "The paper saw several, each with a distance of its own."
    )
    return (
        f"**By distance:** {len(far)} of {count} heads ({names}) clearly look {at} "
        f"token{'' if backs == [1] else 's'} back. {as_paper}"
    )


def meaning_says(found: QueryKeys) -> str:
    """Say which heads are semantic, or that none is, with the nearest."""
    if heads := found.by_meaning:
        names = ", ".join(f"{a}.{b}" for a, b in heads)
        return f"**By meaning:** {len(heads)} clearly do ({names}), as the paper saw."
    (layer, head), kind, score, baseline = found.nearest_meaning()
    return (
        f"**By meaning:** no single head clearly does, though the paper saw three. The nearest is "
        f"{layer}.{head} ({kind}): {score:.1%} of its attention, its control {baseline:.1%} "
        f"(needed {100 * EFFECT:.0f} points more)."
    )


def averaged_say(found: QueryKeys) -> str:
    """Say which heads the matrices are means of."""
    count = len(found.averaged)
    if found.by_meaning:
        return f"the {count} heads that clearly look by meaning"
    if count == found.mean_distance.size:
        return f"all {count} heads"
    return f"the {count} heads that do not clearly look by distance (none does by meaning)"


def words_say(stories: StoryQueryKeys) -> str:
    """Say whether "the" and "a" attend to things and places more than to shuffled positions."""
    says = []
    for query in ("the", "a"):
        for key in ("object", "place"):
            at = stories.queries.index(query), stories.keys.index(key)
            gap = stories.difference.at(at, stories.stories)
            more = "more" if gap.low > 0 else "fewer" if gap.high < 0 else "no more"
            says.append(
                f"“{query}” at the {key} {100 * gap.mean:+.1f} ({100 * gap.low:+.1f} to "
                f"{100 * gap.high:+.1f}){'' if more == 'more' else f', {more}'}"
            )
    low = [
        stories.difference.low[stories.queries.index(q), stories.keys.index(k)]
        for q in ("the", "a")
        for k in ("object", "place")
    ]
    verdict = (
        "As the paper saw, articles look at things and places"
        if min(low) > 0
        else "Not as the paper saw: articles do not always look at things and places"
    )
    return f"{verdict}; points of attention above shuffled places (95 %): {'; '.join(says)}."
