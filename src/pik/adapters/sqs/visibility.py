"""Visibility timeouts: how long received messages stay hidden before they are delivered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pik.adapters.client.isolation import isolated
from pik.adapters.sqs.entries import refused
from pik.domain.shared.limits import MAX_VISIBILITY_ENTRIES
from pik.domain.shared.packing import packs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

    from pik.workers import Workers


class Visibility:
    """The visibility of one queue's messages."""

    def __init__(self, sqs: SQSClient, url: str, workers: Workers) -> None:
        self._sqs = sqs
        self._url = url
        self._workers = workers

    def hide(self, seconds: Mapping[str, int]) -> dict[str, Exception]:
        """Hides deliveries, by receipt handle, for these seconds from now on; batches in parallel, each sent once.

        Returns those that are not known to be hidden, with the reason: they come back after the queue's own timeout.
        """
        batches = list(packs(seconds, lambda _: 0, MAX_VISIBILITY_ENTRIES, max_bytes=0))
        outcomes = self._workers.run(lambda it: isolated(lambda batch: self._hide(batch, seconds), it), batches)
        failed: dict[str, Exception] = {}
        for batch, outcome in zip(batches, outcomes, strict=True):
            failed |= dict.fromkeys(batch, outcome) if isinstance(outcome, Exception) else outcome
        return failed

    def _hide(self, batch: Sequence[str], seconds: Mapping[str, int]) -> dict[str, Exception]:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds[receipt]}
            for place, receipt in enumerate(batch)
        ]
        answer = self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return refused(answer, {str(place): receipt for place, receipt in enumerate(batch)})
