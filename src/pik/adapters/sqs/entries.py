"""What SQS answers to a batch, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pik.domain.shared.failures import EntryRefused

K = TypeVar("K")


def refused(answer: Mapping[str, Any], asked: Mapping[str, K]) -> dict[K, Exception]:
    """What was asked, by the ids of its entries, and is not known to be done, with the reason. Only what is named as
    done is done: an answer that forgets an entry must not lose it."""
    done = {entry["Id"] for entry in answer.get("Successful", [])}
    if done >= asked.keys():
        return {}
    reasons = {entry["Id"]: entry for entry in answer.get("Failed", [])}
    return {it: _reason(reasons.get(entry_id)) for entry_id, it in asked.items() if entry_id not in done}


def _reason(entry: Mapping[str, Any] | None) -> EntryRefused:
    return EntryRefused(entry["Code"], entry.get("Message", "")) if entry else EntryRefused("Unknown", "no answer")
