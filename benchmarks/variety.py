"""How varied is a corpus? `python benchmarks/variety.py nursery:10000 stories.txt …`"""

import re
import sys

from slm.stories.sources import open_source


def variety(spec: str) -> str:
    """Describe a corpus: stories, length, vocabulary, share of its word 5-grams that are distinct."""
    seen: set[tuple[str, ...]] = set()
    vocabulary: set[str] = set()
    stories = words_in_all = grams = 0
    for text in open_source(spec).raw():
        words = re.findall(r"[A-Za-z']+", text)
        vocabulary.update(word.lower() for word in words)
        seen.update(zip(*(words[start:] for start in range(5)), strict=False))
        stories, words_in_all = stories + 1, words_in_all + len(words)
        grams += max(0, len(words) - 4)
    return (
        f"{spec}: {stories} stories of {words_in_all / stories:.0f} words, {len(vocabulary)} "
        f"different words, {len(seen) / grams:.3f} of {grams} 5-grams are distinct"
    )


if __name__ == "__main__":
    for spec in sys.argv[1:]:
        print(variety(spec))
