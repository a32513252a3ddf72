"""Keep what judges said of items: the replies of both turns, and where each text came from."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from slm.databases import storable
from slm.errors import BadInput, shown
from slm.grading.items import Conversation, Item, ItemKind
from slm.grading.questions import GRADE_TURN
from slm.llm.replies import ReplyStore
from slm.runs import Address, open_run, runs_dir

_ITEMS = """
create table items (
    key text not null, address text not null, other_address text not null, kind text not null,
    opening_index integer not null, completion_index integer not null, seed integer not null,
    opening text not null, completion text not null, other text, repeat integer not null,
    primary key (key, address, other_address, kind, opening_index, completion_index, seed)
)
"""
"""Where each text came from. `key` is that of the first turn; a text that comes twice has two rows."""

_ROWS = f"""
select address, opening, completion, opening_index, completion_index, repeat, seed, kind, other,
    other_address, assessed.model, assessed.reply, graded.reply,
    case when assessed.cost is null then graded.cost
    else assessed.cost + coalesce(graded.cost, 0) end,
    assessed.input_tokens + coalesce(graded.input_tokens, 0),
    assessed.output_tokens + coalesce(graded.output_tokens, 0),
    coalesce(assessed.refusal, graded.refusal)
from items join replies as assessed on assessed.key = items.key
    left join replies as graded on graded.key = items.key || '{GRADE_TURN}'
where coalesce(assessed.reply, assessed.refusal) is not null
    and (? is null or ? = address or (? = other_address and other_address != ''))
order by address, assessed.model, opening_index, completion_index, repeat
"""
_KINDS: tuple[Any, ...] = (
    *(str, str, str, int, int, int, int, str, str | None, str),
    *(str, str | None, str | None, float | int | None, int, int, str | None),
)
"""What each column of `_ROWS` holds: SQLite takes anything in any of them."""

_REPLIES_TO_2 = f"""
select key, judge as model, base_url as server, protocol as version,
    case when grade is null then asked end as messages, assessment as reply,
    case when assessment is null then {{refusal}} end as refusal,
    input_tokens, output_tokens, cost, null as claimed_by, null as claimed_at, changed_at
from {{old}}replies
union all
select key || '{GRADE_TURN}', judge, base_url, protocol, case when grade is not null then asked end,
    grade, case when assessment is not null then {{refusal}} end, 0, 0, null, null, null, changed_at
from {{old}}replies where grade is not null or (assessment is not null and {{refusal}} is not null)
"""
_ITEMS_TO_2 = """
select key, address, other_address, kind, opening_index, completion_index, seed, opening, completion,
    other, repeat
from {old}places join {old}replies using (key)
"""
_ITEMS_OF_0 = """
select key, address, '' as other_address, 'story' as kind, opening_index, completion_index, seed,
    opening, completion, null as other, repeat
from {old}replies
"""
_SET_ASIDE_TO_2 = f"""
select key, case when grade is null then asked end as messages, assessment as reply, null as refusal,
    changed_at
from {{old}}set_aside where assessment is not null
union all
select key || '{GRADE_TURN}', asked, grade, null, changed_at
from {{old}}set_aside where grade is not null
"""
"""The same from files of layouts 0 to 2, in which both turns of an item were one row."""


class GradeStore(ReplyStore):
    """A file of replies about items. Several threads and processes may use it at once."""

    tables: Mapping[str, str] = {**ReplyStore.tables, "items": _ITEMS}

    def add(self, item: Item, key: str) -> None:
        """Write where the text of a key came from, unless that is known."""
        row = storable(
            key,
            item.address,
            item.other_address,
            item.kind,
            item.opening_index,
            item.completion_index,
            _signed(item.seed),
            item.opening,
            item.completion,
            item.other,
            item.repeat,
        )
        known = (
            "select 1 from items where key = ? and address = ? and other_address = ? and kind = ?"
            " and opening_index = ? and completion_index = ? and seed = ?"
        )
        if self._look(known, row[:7]):
            return
        with self._open() as db:
            db.execute("insert or ignore into items values (?,?,?,?,?,?,?,?,?,?,?)", row)

    def conversations(self, address: str | None = None) -> list[Conversation]:
        """Read everything with at least one reply, of one checkpoint or of all.

        A text that several checkpoints wrote stands here once for each, and was paid once.
        """
        found = self._look(_ROWS, (address, address, address))
        for row in found:
            if not all(map(isinstance, row, _KINDS)) or row[7] not in get_args(ItemKind):
                raise BadInput(f"{self.path} is damaged: it has a reply of {shown(row[:5])}")
        return [
            Conversation(
                item=Item(
                    address=r[0],
                    opening=r[1],
                    completion=r[2],
                    opening_index=r[3],
                    completion_index=r[4],
                    repeat=r[5],
                    seed=r[6] % 2**64,
                    kind=r[7],
                    other=r[8],
                    other_address=r[9],
                ),
                judge=r[10],
                assessment=r[11],
                grade=r[12],
                cost=r[13],
                input_tokens=r[14],
                output_tokens=r[15],
                refusal=r[16],
            )
            for r in found
        ]

    def earlier(self, db: sqlite3.Connection) -> Mapping[str, str]:
        """Return queries that convert files in which both turns of an item were one row, by table."""
        tables = {name for (name,) in db.execute("select name from sqlite_master")}
        columns = {row[1] for row in db.execute("pragma table_info(replies)")}
        refusal = "refusal" if "refusal" in columns else "null"
        found = {
            "replies": _REPLIES_TO_2.replace("{refusal}", refusal),
            "items": _ITEMS_TO_2 if "places" in tables else _ITEMS_OF_0,
        }
        return found | ({"set_aside": _SET_ASIDE_TO_2} if "set_aside" in tables else {})


def store_for(item: Item) -> GradeStore:
    """Open the file in which an item's replies are kept; it is made when something is kept in it.

    It is its run's, or that of all judges for what checks them. A pair lies with the run that comes
    first by name, whichever is shown first.
    """
    if not item.address:
        return GradeStore(judges_path())
    first = min(item.address, item.other_address or item.address)
    return GradeStore(open_run(Address.parse(first).run).grades_path)


def stores_of(items: Iterable[Item]) -> dict[Path, GradeStore]:
    """Open the files that these items belong to, by path, each once."""
    return {store.path: store for store in map(store_for, items)}


def judges_path() -> Path:
    """Return where judge checks are kept: their stories are no run's."""
    return runs_dir() / "judges.sqlite"


def _signed(seed: int) -> int:
    """Convert a 64-bit seed to SQLite's signed integer; `% 2**64` reads it back."""
    return seed - 2**64 if seed >= 2**63 else seed
