"""The put-back of a rescue: each letter once, also when a step dies in the middle or two put-backs run.

A rescue's files are put back in chunks. Each chunk has a mark, which is claimed before its letters are sent and settled
after. Where a mark is claimed and not settled, the step that claimed it may have died before the send or after it:
then the letters are looked for in the queue, and only those that are not seen there are sent again. SQS cannot say
more than that, so they are counted as perhaps doubled before they are sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.message import Entry
from pik.domain.redrive.selection import ALREADY_PUT_BACK
from pik.domain.shared import times
from pik.domain.shared.problems import Problem
from pik.domain.shared.redrive_limits import REDRIVE_STEP_SECONDS
from pik.domain.shared.row import Row

HOLDER: Final = "put_back_run"
ROUND: Final = "put_back_round"
"""Columns of a rescue's row: the last run that put it back, and how often that began again from the start."""

_KIND: Final = "put_back_mark"


@dataclass(frozen=True, slots=True)
class PutBackMark:
    """The state of one chunk of a rescue's file. `token` is the attempt that claimed it, `run_id` its run, which put
    back `sent` of the letters. `todo` are the places in the file of those that are not known to be back, and `settled`
    says that they are known not to be. `doubled` may be in the queue twice."""

    key: str
    round: int
    chunk: int
    run_id: str
    token: str
    todo: tuple[int, ...]
    sent: int = 0
    doubled: int = 0
    settled: bool = False

    @property
    def pk(self) -> str:
        """Its key in RunsTable."""
        return f"PUT_BACK#{self.key}#{self.round}#{self.chunk:04d}"

    @property
    def is_done(self) -> bool:
        return self.settled and not self.todo

    def columns(self) -> Row:
        """As it is stored, without its key."""
        status = "DONE" if self.settled else "SENDING"
        return {**asdict(self), "todo": list(self.todo), "kind": _KIND, "status": status}

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> PutBackMark:
        """From what is stored."""
        found = {name: columns[name] for name in cls.__slots__}
        return cls(**{**found, "todo": tuple(columns["todo"])})

    def sent_by(self, run_id: str) -> int:
        """Letters that this run has put back."""
        return self.sent if self.run_id == run_id else 0

    def claimed(self, run_id: str, token: str, present: Iterable[int] = ()) -> PutBackMark:
        """The next claim of the chunk: what is `present` in the queue is not sent again, and the rest, where it is not
        known to be missing, may be doubled."""
        found = set(present) & set(self.todo)
        todo = tuple(it for it in self.todo if it not in found)
        doubled = self.doubled + (0 if self.settled else len(todo))
        sent = self.sent_by(run_id) + len(found)
        return replace(self, run_id=run_id, token=token, todo=todo, sent=sent, doubled=doubled, settled=False)

    def after(self, refused: Iterable[int], unknown: Iterable[int], repeated: int = 0) -> PutBackMark:
        """The mark after the send of its `todo`: `refused` are certainly not in the queue, of `unknown` nobody knows,
        and `repeated` letters the SDK sent more than once."""
        in_doubt = set(unknown)
        missing = tuple(it for it in self.todo if it in in_doubt or it in set(refused))
        sent = self.sent + len(self.todo) - len(missing)
        return replace(self, todo=missing, sent=sent, doubled=self.doubled + repeated, settled=not in_doubt)


def present_among(entries: Mapping[int, Entry], letters: Iterable[DeadLetter]) -> set[int]:
    """The places of the entries that are in the queue: as many of the same content as there are letters of it.

    Letters of one event with the same content are one letter. Messages of strangers may be alike and yet be several, so
    that none of them is taken for another: they are sent again.
    """
    there = Counter(_content(letter) for letter in letters if letter.work is not None)
    found: set[int] = set()
    for place, entry in entries.items():
        content = _content(entry)
        if there[content]:
            there[content] -= 1
            found.add(place)
    return found


def _content(one: Entry | DeadLetter) -> tuple[object, ...]:
    """What makes two letters the same; ids and times are SQS's and differ for each send."""
    typed = {name: sorted(value.items()) for name, value in one.typed.items()}
    return one.body, one.group, tuple(sorted(one.attributes.items())), repr(sorted(typed.items()))


def chunks(size: int, most: int) -> list[range]:
    """The places of a file of this size, chunk by chunk."""
    return [range(at, min(at + most, size)) for at in range(0, size, most)]


def files_of(rescue: Mapping[str, Any], unnoted: Sequence[Row] = ()) -> list[Row]:
    """The files of a rescue, with those that its row does not name."""
    noted = [{"key": it["key"], "size": it["size"]} for it in rescue["waves"] if it.get("key")]
    known = {it["key"] for it in noted}
    return [*noted, *(it for it in unnoted if it["key"] not in known)]


def done_of(last: Mapping[str, Any] | None) -> int:
    """Letters of a rescue that are back in the queue; `last` is the row of the run that put it back last."""
    totals = last["totals"] if last else {}
    return int(totals.get("redriven", 0)) + int(totals.get("skipped", {}).get(ALREADY_PUT_BACK, 0))


def is_at_work(last: Mapping[str, Any] | None, now: str) -> bool:
    """Whether a put-back is under way. `now` is normalized."""
    return last is not None and last["status"] in redrive_run.UNDER_WAY and not redrive_run.is_abandoned(last, now)


def refusal(rescue: Mapping[str, Any], last: Mapping[str, Any] | None, now: str, *, again: bool) -> Problem | None:
    """Why a rescue is not put back now; None when it may be."""
    if last is None:
        return None
    params: dict[str, str | int] = {"given": rescue["run_id"], "run": last["run_id"]}
    if is_at_work(last, now):
        return Problem("/rescue_id", "put_back_under_way", params)
    whole = last["status"] == redrive_run.COMPLETE and done_of(last) == last["totals"]["selected"]
    if whole and _kept_all_before(rescue, last.get("frozen_at", "")) and not again:
        done = {"count": done_of(last), "at": last.get("finished_at", last["updated_at"])}
        return Problem("/rescue_id", "put_back_already", params | done)
    return None


def _kept_all_before(rescue: Mapping[str, Any], moment: str) -> bool:
    """Whether a rescue can have kept nothing since a moment, empty for none. When it did not end as planned, a step of
    it may have been given up and still be at work: for as long as its function runs, it may keep another file."""
    if "finished_at" not in rescue or not moment:
        return False
    over = times.to_datetime(rescue["finished_at"])
    if rescue["status"] != redrive_run.COMPLETE:
        over += timedelta(seconds=REDRIVE_STEP_SECONDS)
    return times.to_datetime(moment) >= over
