"""What happens to messages that failed: the ledger, the bus, the dead-letter queue, and a wait for those that stay."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pik.adapters.dynamodb.failure_ledger import FailureLedger
from pik.adapters.eventbridge import EventBus
from pik.adapters.sqs.visibility import Visibility
from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.process.dispositions import Failed
from pik.domain.shared.failures import Category, LogReference, advice, ledger_rows
from pik.domain.shared.limits import MAX_STACK_CHARS
from pik.observability import logger
from pik.settings import ProcessorSettings
from pik.workers import Workers

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pik.adapters.client.clients import Clients

Sleep = Callable[[float], None]


class FailingPath:
    """What happens to messages that failed: the ledger, the bus, the dead-letter queue, and a wait for those that stay.

    In this order, because only the dead-letter queue removes a message: an invocation that dies before that leaves it
    in WorkQueue, and one that dies after leaves it in both, which its ids reveal. Every step can be repeated.
    """

    def __init__(
        self, settings: ProcessorSettings, clients: Clients, workers: Workers, bus: EventBus, sleep: Sleep
    ) -> None:
        self._failures_ttl_days = settings.failures_ttl_days
        self._ledger = FailureLedger(clients.dynamodb, settings.failures_table, sleep)
        self._bus = bus
        self._dead_letters = WorkQueue(clients.sqs, settings.dead_letter_queue_url, workers)
        self._visibility = Visibility(clients.sqs, settings.work_queue_url, workers)

    def take(self, failed: Sequence[Failed], context: LambdaContext) -> set[str]:
        """The ids of the messages that are done, because they are in the dead-letter queue; all others must stay."""
        if not failed:
            return set()
        for failure in failed:
            _log_failure(failure)
        unrecorded = self._record(failed, context)
        ready = [it for it in failed if it.is_dead and (it.attempt.last or it.message_id not in unrecorded)]
        buried = self._bury(ready)
        self._put_off([it for it in failed if it.message_id not in buried])
        return buried

    def _record(self, failed: Sequence[Failed], context: LambdaContext) -> set[str]:
        """Every failed attempt is in the ledger before the batch answers. Returns the ids of the messages whose
        attempts are not."""
        invocation = LogReference(context.function_name, context.aws_request_id, context.log_stream_name)
        attempts = [(it.attempt, it.cause, it.disposition.value) for it in failed]
        rows = ledger_rows(attempts, invocation, failed[0].failed_at, self._failures_ttl_days)
        # A failure of the ledger must not hide the first failure: the messages stay in the queue anyway, and after the
        # last attempt the reason is on the message itself.
        errors = self._ledger.write(rows)
        unrecorded = {failed[place].message_id for place in errors}
        if errors:
            first = next(iter(errors.values()))
            logger.error("the failure ledger was not written", messages=sorted(unrecorded), exc_info=first)
        return unrecorded

    def _bury(self, dead: Sequence[Failed]) -> set[str]:
        """Announces them and sends them to the dead-letter queue; returns the ids of those that are known to be there.

        A message that cannot be announced is retried, unless this was the last attempt: SQS would then move it without
        a reason.
        """
        announcements = {it.message_id: it.announcement() for it in dead}
        unannounced = self._bus.publish(list(announcements.values()))
        ready = [it for it in dead if it.attempt.last or announcements[it.message_id].id not in unannounced]
        unsent = self._dead_letters.send({place: it.letter() for place, it in enumerate(ready)})
        for what, errors in (("failures were not announced", unannounced), ("dead letters were not sent", unsent)):
            if errors:
                logger.error(what, count=len(errors), exc_info=next(iter(errors.values())))
        return {it.message_id for place, it in enumerate(ready) if place not in unsent}

    def _put_off(self, kept: Sequence[Failed]) -> None:
        """Hides messages for a while; where that fails, they come back after the queue's own visibility timeout."""
        seconds = {it.delivery.receipt: random.randint(1, it.longest_wait) for it in kept}  # noqa: S311 (jitter)
        unchanged = self._visibility.hide(seconds)
        if unchanged:
            logger.warning("waits were not set", count=len(unchanged), exc_info=next(iter(unchanged.values())))


def _log_failure(failure: Failed) -> None:
    facts: dict[str, Any] = {
        "message_id": failure.message_id,
        "event_id": failure.attempt.event_id,
        "attempt": failure.attempt.number,
        "category": failure.cause.category,
        "disposition": failure.disposition,
        "fingerprint": failure.cause.fingerprint,
        "reason": failure.cause.message,
        **({"injected": failure.cause.injected} if failure.cause.injected else {}),
    }
    if not failure.cause.known:
        # As text and not as exc_info: the logger would write what `clean` removes.
        stack = failure.clean("".join(traceback.format_exception(failure.error)))[-MAX_STACK_CHARS:]
        logger.error("attempt failed for a reason that nobody has named yet", exception=stack, **facts)
    elif failure.cause.category is Category.PERMANENT:
        logger.critical("attempt failed until a person acts", fix=advice(failure.error), **facts)
    else:
        logger.warning("attempt failed", **facts)
