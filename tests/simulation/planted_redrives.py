"""Faults planted in the redrive, as in planted.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pik.adapters.dynamodb.put_back_marks import PutBackMarks
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.redrive import message as redrive_message
from pik.domain.shared.foreign import ForeignReader
from pik.flows import wave as wave_sender
from pik.flows.redrive_step import RedriveStepFlow
from pik.flows.wave import WaveOutcome, WaveSender
from tests.simulation.patches import Patches

Plant = Callable[[Patches], None]


def _letters_deleted_first(patches: Patches) -> None:
    real = WaveSender._send_pack

    def send_pack(self: Any, run_id: str, request: Any, entries: Mapping[int, Any]) -> WaveOutcome:
        self._letters.delete_pack({entry.message_id: entry.receipt for entry in entries.values()})
        return real(self, run_id, request, entries)

    patches.set(WaveSender, "_send_pack", send_pack)


def _failed_ignored(patches: Patches) -> None:
    real = WorkQueue.send_pack

    def send_pack(self: Any, messages: Any) -> Any:
        real(self, messages)
        return {}

    patches.set(WorkQueue, "send_pack", send_pack)


def _redriven_as_live(patches: Patches) -> None:
    real = redrive_message.redriven

    def redriven(entry: Any, *more: Any) -> Any:
        message = real(entry, *more)
        body = message.body.replace('"origin":"redrive"', '"origin":"live"')
        body = body.replace(f'"attempts_before":{entry.attempts}', '"attempts_before":0')
        return wave_sender.redrive_message.Message(body, message.group, delay=message.delay)

    patches.set(redrive_message, "redriven", redriven)


def _rescue_deletes_first(patches: Patches) -> None:
    real = RedriveStepFlow._rescue

    def rescue(self: Any, key: str, entries: Any) -> WaveOutcome:
        self._letters.delete_receipts({entry.message_id: entry.receipt for entry in entries})
        return real(self, key, entries)

    patches.set(RedriveStepFlow, "_rescue", rescue)


def _put_back_without_marks(patches: Patches) -> None:
    patches.set(PutBackMarks, "claim", lambda *_: None)
    patches.set(PutBackMarks, "note", lambda *_: True)


def _attempts_unbounded(patches: Patches) -> None:
    real = ForeignReader.whole

    def whole(self: Any, members: Any, name: str, *bounds: int) -> int:
        return int(members["attempts"]) if name == "attempts" else real(self, members, name, *bounds)

    patches.set(ForeignReader, "whole", whole)


REDRIVES: Final[Mapping[str, Plant]] = {
    "letters deleted before they are sent": _letters_deleted_first,
    "refused sends of a redrive ignored": _failed_ignored,
    "redriven as live": _redriven_as_live,
    "rescue deletes before it keeps": _rescue_deletes_first,
    "put-back without marks": _put_back_without_marks,
    "attempts on a letter read without bounds": _attempts_unbounded,
}
