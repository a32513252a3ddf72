"""A corpus on disk: the tokens are the stories, splits never meet, and nothing is done twice."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from slm.errors import BadInput
from slm.stories.corpus import Corpus, prepare
from slm.stories.tokenizer import END, Tokenizer
from tests.conftest import little_stories, write_corpus
from tests.damage import complaints

STORIES = little_stories(300)


def test_the_tokens_are_the_stories_between_ends(corpus: Path, tmp_path: Path) -> None:
    prepared = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    end, train = prepared.tokenizer.end, prepared.train
    assert train.tokens[0] == train.tokens[-1] == end
    assert (np.asarray(train.tokens)[train.starts] == end).all()
    texts = [prepared.tokenizer.decode(train.story(i).tolist()) for i in range(len(train))]
    assert set(texts) <= set(STORIES)
    assert train.n_bytes == sum(len(text.encode()) for text in texts)
    assert sum(len(train.story(i)) for i in range(len(train))) == len(train.tokens) - 1


def test_the_second_time_nothing_is_done(corpus: Path, tmp_path: Path) -> None:
    stages: list[str] = []

    def prepared() -> None:
        prepare(
            str(corpus),
            d_vocab=512,
            n_ctx=32,
            cache=tmp_path / "cache",
            progress=lambda stage, share: stages.append(stage),
        )

    prepared()
    assert "learning the tokenizer" in stages and "tokenizing the train stories" in stages
    stages.clear()
    prepared()
    assert stages == ["reading the corpus"]
    write_corpus(corpus, STORIES[:200])
    prepared()
    assert "tokenizing the train stories" in stages


def test_a_half_written_cache_is_never_seen(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full_disk)
        with pytest.raises(OSError, match="No space"):
            prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []
    prepared = prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=tmp_path / "cache")
    assert len(prepared.train) == 285


def test_a_cache_with_a_file_cut_short_is_made_again(corpus: Path, tmp_path: Path) -> None:
    def prepared() -> Corpus:
        return prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache").train

    whole = prepared().hash
    (tokens,) = (tmp_path / "cache").glob("corpus-*/train.bin")
    tokens.write_bytes(tokens.read_bytes()[:100])
    again = prepared()
    assert again.hash == whole
    assert len(again.tokens) > 50


def test_what_a_killed_preparation_left_is_swept_away(
    corpus: Path, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    cache = tmp_path / "cache"
    prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=cache)
    (folder,) = cache.glob("corpus-*")
    folder.rename(cache / f".{folder.name}.abc")  # as a kill just before the renaming leaves it
    prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=cache)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [folder.name]


def test_two_at_once_prepare_a_corpus_one_after_the_other(corpus: Path, tmp_path: Path) -> None:
    stages: list[str] = []

    def prepared() -> str:
        return prepare(
            str(corpus),
            d_vocab=512,
            n_ctx=32,
            cache=tmp_path / "cache",
            progress=lambda stage, share: stages.append(stage),
        ).train.hash

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(prepared), pool.submit(prepared)
        assert one.result() == two.result()
    assert stages.count("tokenizing the train stories") == 1


def test_memory_stays_flat_however_long_the_text(tmp_path: Path) -> None:
    """Of 8 MB of stories instead of 2, neither the text nor its tokens stay in memory."""
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from slm.stories.corpus import prepare\n"
        "prepare(sys.argv[1], valid=sys.argv[2], d_vocab=512, cache=Path(sys.argv[3]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    tale = " ".join(little_stories(20))
    valid = write_corpus(tmp_path / "valid.txt", STORIES)
    peaks = []
    for megabytes in (2, 8):
        path = tmp_path / f"{megabytes}.txt"
        with path.open("w") as file:
            for number in range(megabytes * 1_000_000 // len(tale)):
                file.write(f"Tale {number}. {tale}\n{END}\n")
        paths = [str(path), str(valid), str(tmp_path / "cache")]
        answer = subprocess.run(
            [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True
        )
        peaks.append(int(answer.stdout))
    assert peaks[1] - peaks[0] < 12, peaks


def test_the_nursery_is_validated_by_stories_of_its_own(tmp_path: Path) -> None:
    prepared = prepare("nursery:400:1", d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    assert (len(prepared.train), len(prepared.valid)) == (400, 20)


def test_a_file_called_nursery_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "nursery.txt", STORIES)
    prepared = prepare("nursery.txt", d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    assert (len(prepared.train), len(prepared.valid)) == (285, 15)


def test_a_vocabulary_that_the_corpus_cannot_fill_is_told(corpus: Path, tmp_path: Path) -> None:
    prepared = prepare(str(corpus), d_vocab=4096, n_ctx=32, cache=tmp_path / "cache")
    assert 257 < prepared.tokenizer.d_vocab < 4096
    assert prepared.train.tokens.max() < prepared.tokenizer.d_vocab


def test_a_corpus_written_without_full_stops_is_asked_about_and_then_kept(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "c.txt", [story.rstrip('."!?') for story in STORIES])
    with pytest.raises(BadInput, match="would be dropped"):
        prepare(str(path), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    kept = prepare(f"{path}:keep-truncated", d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    assert len(kept.train) + len(kept.valid) == 300
    assert kept.report.truncated == 0


def test_what_was_dropped_is_remembered_with_examples(corpus: Path, tmp_path: Path) -> None:
    mixed = write_corpus(tmp_path / "mixed.txt", [*STORIES, "Tom went to", STORIES[0]])
    for _ in range(2):  # the second time from the cache
        report = prepare(str(mixed), d_vocab=512, n_ctx=32, cache=tmp_path / "cache").report
        assert (report.truncated, report.duplicate) == (1, 1)
        assert report.examples["truncated"] == "Tom went to"


SHARED = Path(__file__).parents[3] / "shared/data/tinystories-valid.txt"


@pytest.mark.skipif(not SHARED.exists(), reason="needs TinyStories text")
def test_real_text_loses_little_to_cleaning_and_takes_four_bytes_a_token(tmp_path: Path) -> None:
    prepared = prepare(str(SHARED), cache=tmp_path / "cache")
    report = prepared.report
    assert report.kept + len(prepared.valid) + report.truncated == 1685
    assert report.truncated < 0.01 * 1685
    assert 3.8 < prepared.train.n_bytes / len(prepared.train.tokens) < 4.2


def test_a_corpus_shorter_than_one_context_is_refused(tmp_path: Path) -> None:
    short = write_corpus(tmp_path / "short.txt", ["Tom ran.", "Amy ran."])
    with pytest.raises(BadInput, match="longer than one context of 256 tokens"):
        prepare(str(short), d_vocab=512, n_ctx=256, cache=tmp_path / "cache")


@pytest.mark.parametrize("name", ["manifest.json", "train.bin", "train.starts.npy", "valid.bin"])
def test_a_damaged_cache_is_made_again(corpus: Path, tmp_path: Path, name: str) -> None:
    made = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob(f"corpus-*/{name}")

    def look() -> None:
        again = prepare(
            str(corpus), tokenizer=made.tokenizer, d_vocab=512, n_ctx=32, cache=tmp_path / "cache"
        )
        assert [len(again.train), len(again.valid)] == [len(made.train), len(made.valid)]
        for split in (again.train, again.valid):
            assert all(len(split.story(number)) > 1 for number in range(len(split)))

    assert complaints(path, look, 20) == []
