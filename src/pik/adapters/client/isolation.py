"""Batch calls that AWS refuses as a whole because of what one entry holds: the others must not be lost with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pik.domain.shared.failures import EntryRefused, is_known

K = TypeVar("K")


def isolated(call: Callable[[Sequence[K]], Mapping[K, Exception]], batch: Sequence[K]) -> dict[K, Exception]:
    """What `call` answers for a batch: the entries that are not done, with the reason.

    An error that is about the service, a permission or a missing resource is raised: it would be the same for each
    entry alone. Any other is about something in the batch, so the entries are sent one per call, and only those that
    are refused then are not done. In the usual case this costs no call.
    """
    try:
        return dict(call(batch))
    # What is wrong with an entry can show as any exception: AWS's, or one of the client while it writes the request.
    except Exception as error:
        if is_known(error):
            raise
        if len(batch) == 1:
            return {batch[0]: error}
    failed: dict[K, Exception] = {}
    for entry in batch:
        try:
            failed |= call([entry])
        except Exception as error:  # noqa: BLE001 (as above)
            failed[entry] = error
    return failed


def worth_repeating(error: Exception) -> bool:
    """Whether the same entry may be accepted at once. What `isolated` found to be at fault alone is not."""
    return is_known(error) or isinstance(error, EntryRefused)
