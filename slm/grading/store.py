"""Keep what judges said of items: the replies of both turns, and where each text came from."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from slm.databases import storable
from slm.errors import BadInput, shown
from slm.grading.items import Conversation, Item, ItemKind
from slm.grading.questions import AGAIN_TURN, GRADE_TURN
from slm.grading.rubric import Rubric
from slm.llm.messages import ReplyPart
from slm.llm.replies import FROM_3, SET_ASIDE_AS_IT_WAS, KeptReply, ReplyStore
from slm.runs import Address, open_run, runs_dir

_ITEMS = """
create table items (
    key text not null, address text not null, other_address text not null, kind text not null,
    opening_index integer not null, completion_index integer not null, seed integer not null,
    opening text not null, completion text not null, other text, repeat integer not null,
    cut integer, other_cut integer, rubric text,
    primary key (key, address, other_address, kind, opening_index, completion_index, seed)
)
"""
"""Where each text came from. `key` is that of the first turn; a text that comes twice has two rows.

`cut` and `other_cut`: whether a story was cut off; null where that was not kept. `rubric`: another than
the paper's, as `Rubric.to_text` writes it.
"""

_TURNS = ("assessed", "graded", "again")
_OF_REPLY = ("reply", "refusal", "cost", "input_tokens", "output_tokens", "finish", "part")
_ROWS = f"""
select address, opening, completion, opening_index, completion_index, repeat, seed, kind, other,
    other_address, cut, other_cut, rubric, assessed.model, assessed.server,
    {", ".join(f"{turn}.{name}" for turn in _TURNS for name in _OF_REPLY)}
from items join replies as assessed on assessed.key = items.key
    left join replies as graded on graded.key = items.key || '{GRADE_TURN}'
    left join replies as again on again.key = items.key || '{AGAIN_TURN}'
where coalesce(assessed.reply, assessed.refusal) is not null
    and (? is null or ? = address or (? = other_address and other_address != ''))
order by address, assessed.model, opening_index, completion_index, repeat
"""
_ITEM_KINDS: tuple[Any, ...] = (
    *(str, str, str, int, int, int, int, str, str | None, str),
    *(int | None, int | None, str | None, str, str),
)
_REPLY_KINDS: tuple[Any, ...] = (
    *(str | None, str | None, float | int | None, int | None, int | None),
    *(str | None, str | None),
)
_KINDS: tuple[Any, ...] = _ITEM_KINDS + _REPLY_KINDS * len(_TURNS)
"""What each column of `_ROWS` holds: SQLite takes anything in any of them."""

_REPLIES_TO_2 = f"""
select key, judge as model, base_url as server, protocol as version,
    case when grade is null then asked end as messages, assessment as reply,
    case when assessment is null then {{refusal}} end as refusal,
    input_tokens, output_tokens, cost, null as claimed_by, null as claimed_at, changed_at,
    null as finish, null as part
from {{old}}replies
union all
select key || '{GRADE_TURN}', judge, base_url, protocol, case when grade is not null then asked end,
    grade, case when assessment is not null then {{refusal}} end, 0, 0, null, null, null, changed_at,
    null, null
from {{old}}replies where grade is not null or (assessment is not null and {{refusal}} is not null)
"""
_ITEMS_TO_2 = """
select key, address, other_address, kind, opening_index, completion_index, seed, opening, completion,
    other, repeat, null as cut, null as other_cut, null as rubric
from {old}places join {old}replies using (key)
"""
_ITEMS_OF_3 = """
select key, address, other_address, kind, opening_index, completion_index, seed, opening, completion,
    other, repeat, null as cut, null as other_cut, null as rubric
from {old}items
"""
_ITEMS_OF_0 = """
select key, address, '' as other_address, 'story' as kind, opening_index, completion_index, seed,
    opening, completion, null as other, repeat, null as cut, null as other_cut, null as rubric
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
            item.cut,
            item.other_cut,
            None if item.rubric is None else item.rubric.to_text(),
        )
        known = (
            "select 1 from items where key = ? and address = ? and other_address = ? and kind = ?"
            " and opening_index = ? and completion_index = ? and seed = ?"
            " and (cut is not null or ? is null)"
        )
        if self._look(known, (*row[:7], row[11])):
            return
        with self._open() as db:
            db.execute(
                "insert into items values (?,?,?,?,?,?,?,?,?,?,?,?,?,?) on conflict do update"
                " set cut = coalesce(cut, excluded.cut),"
                " other_cut = coalesce(other_cut, excluded.other_cut)",
                row,
            )

    def conversations(self, address: str | None = None) -> list[Conversation]:
        """Read everything with at least one reply, of one checkpoint or of all.

        A text that several checkpoints wrote stands here once for each, and was paid once. Where a
        story was read again and its judge told that it is cut off, the earlier reading is left out.
        """
        found = [self._conversation(row) for row in self._look(_ROWS, (address, address, address))]
        known = {_story(one) for one in found if one.item.cut is not None}
        return [one for one in found if one.item.cut is not None or _story(one) not in known]

    def _conversation(self, row: Sequence[Any]) -> Conversation:
        """Build a conversation from a row of `_ROWS`."""
        try:
            if not all(map(isinstance, row, _KINDS)) or row[7] not in get_args(ItemKind):
                raise ValueError
            rubric = None if row[12] is None else Rubric.from_text(row[12])
        except ValueError:
            raise BadInput(f"{self.path} is damaged: it has a reply of {shown(row[:5])}") from None
        item = Item(
            address=row[0],
            opening=row[1],
            completion=row[2],
            opening_index=row[3],
            completion_index=row[4],
            repeat=row[5],
            seed=row[6] % 2**64,
            kind=row[7],
            other=row[8],
            other_address=row[9],
            cut=None if row[10] is None else bool(row[10]),
            other_cut=None if row[11] is None else bool(row[11]),
            rubric=rubric,
        )
        each = len(_OF_REPLY)
        turns = [_reply(row[len(_ITEM_KINDS) + at * each :][:each]) for at in range(len(_TURNS))]
        first, second, again = (one if one.is_answered else None for one in turns)
        return Conversation(
            item=item,
            judge=row[13],
            server=row[14],
            first=first,
            second=second,
            again=again,
            set_aside=tuple(one for one in turns if one.cost and not one.is_answered),
        )

    def earlier(self, db: sqlite3.Connection) -> Mapping[str, str]:
        """Return queries that convert files in which both turns of an item were one row, by table."""
        tables = {name for (name,) in db.execute("select name from sqlite_master")}
        if "items" in tables:
            return {
                "replies": FROM_3,
                "items": _ITEMS_OF_3,
                "set_aside": SET_ASIDE_AS_IT_WAS,
            }
        columns = {row[1] for row in db.execute("pragma table_info(replies)")}
        refusal = "refusal" if "refusal" in columns else "null"
        found = {
            "replies": _REPLIES_TO_2.replace("{refusal}", refusal),
            "items": _ITEMS_TO_2 if "places" in tables else _ITEMS_OF_0,
        }
        return found | ({"set_aside": _SET_ASIDE_TO_2} if "set_aside" in tables else {})


def _reply(row: Sequence[Any]) -> KeptReply:
    """Build a reply from its columns."""
    reply, refusal, cost, input_tokens, output_tokens, finish, part = row
    return KeptReply(
        reply=reply,
        refusal=refusal,
        cost=None if cost is None else float(cost),
        input_tokens=input_tokens or 0,
        output_tokens=output_tokens or 0,
        finish=finish,
        part=part if part in get_args(ReplyPart) else "content",
    )


def _story(one: Conversation) -> tuple[object, ...]:
    """Return what is the same of two readings of one story by one judge."""
    item = one.item
    texts = (item.address, item.other_address, item.opening, item.completion, item.other)
    return (
        *texts,
        item.kind,
        item.completion_index,
        item.seed,
        item.repeat,
        item.rubric,
        one.judge,
    )


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
