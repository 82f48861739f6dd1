"""SQS's answer to a batch, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pik.domain.shared.failures import EntryRefused

K = TypeVar("K")


def refused(answer: Mapping[str, Any], entries: Mapping[str, K]) -> dict[K, Exception]:
    """The values of the entries that are not known to be done, with the reason. Only entries in `Successful` are done:
    an entry that the answer omits must not be lost."""
    done = {entry["Id"] for entry in answer.get("Successful", [])}
    if done >= entries.keys():
        return {}
    reasons = {entry["Id"]: entry for entry in answer.get("Failed", [])}
    return {value: _reason(reasons.get(entry_id)) for entry_id, value in entries.items() if entry_id not in done}


def _reason(entry: Mapping[str, Any] | None) -> EntryRefused:
    return EntryRefused(entry["Code"], entry.get("Message", "")) if entry else EntryRefused("Unknown", "no answer")
