"""In which file an item's replies are kept: its run's, or that of all judges for what tests them."""

from collections.abc import Iterable
from pathlib import Path

from slm.grading.grades import GradeStore, Item
from slm.runs import Address, open_run, runs_dir


def home(item: Item) -> Path:
    """The file. A pair lies with the run that comes first by name, whichever is shown first."""
    if not item.address:
        return judges_path()
    first = min(item.address, item.other_address or item.address)
    return open_run(Address.parse(first).run).grades_path


def judges_path() -> Path:
    """What judges said about stories that no model wrote: a judge is tested once for all runs."""
    return runs_dir() / "judges.sqlite"


class Shelf:
    """The files of all runs, each opened, and made where it is missing, when it is first needed."""

    def __init__(self) -> None:
        self._stores: dict[Path, GradeStore] = {}

    def __call__(self, item: Item) -> GradeStore:
        """Where `item` belongs."""
        path = home(item)
        if path not in self._stores:
            self._stores[path] = GradeStore(path)
        return self._stores[path]


def there(items: Iterable[Item]) -> dict[Path, GradeStore]:
    """The files that exist of those that these items belong to; makes none."""
    paths = dict.fromkeys(home(item) for item in items)
    return {path: GradeStore(path) for path in paths if path.exists()}
