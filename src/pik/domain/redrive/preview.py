"""What a preview reports about the dead letters it read: why they are there, how old they are, and when they expire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain, zip_longest
from statistics import median_low
from typing import Any, Final

from pik.domain.http.answers import Json
from pik.domain.http.messages import Language, render
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.freeze import LetterChoice
from pik.domain.redrive.message import Entry, rescued
from pik.domain.redrive.request import PreviewRequest
from pik.domain.redrive.run import listed
from pik.domain.redrive.selection import TOO_YOUNG, age_seconds, seconds_left
from pik.domain.shared import times
from pik.domain.shared.foreign import shorten
from pik.domain.shared.limits import MAX_FAILURE_MESSAGE_CHARS, MAX_NAME_CHARS
from pik.domain.shared.redrive_limits import (
    PREVIEW_GROUP_ENTITIES,
    PREVIEW_GROUPS,
    PREVIEW_ROW_MEMBERS,
    REDRIVE_MIN_AGE_SECONDS,
)

UNKNOWN: Final = "UNKNOWN"
"""Category of a letter without a reason in its attributes or in the ledger."""


def describe(choice: LetterChoice, queue: Mapping[str, int], now: str, retention_seconds: int) -> Json:
    """What an answer says of the letters that were seen. `queue`: SQS's own counts. Foreign letters may have as many
    causes as there are letters, so only the most frequent are listed; `groups_left_out` counts the others."""
    causes = groups(choice.taken)
    return {
        "queue": dict(queue),
        "read": _read(choice),
        "matched": len(choice.taken),
        "skipped": dict(choice.skipped),
        "too_young_until": choice.allowed_at,
        "complete": choice.complete,
        "groups": causes[:PREVIEW_GROUPS],
        "groups_left_out": len(causes[PREVIEW_GROUPS:]),
        "ages": ages(choice.taken, now),
        "expiry": expiry(choice.taken, now, retention_seconds),
    }


def would(choice: LetterChoice) -> Json:
    """What a start would do with the letters that were read, with the counts of a run."""
    totals = choice.totals()
    return {"selected": len(choice.taken), "skipped": totals["skipped"], "already_gone": totals["already_gone"]}


def manifest(
    manifest_id: str,
    preview: PreviewRequest,
    choice: LetterChoice,
    samples: Sequence[Entry],
    requested_by: str,
    now: str,
) -> Json:
    """What a preview writes down for a start: the letters that it showed, by id, and the samples among them."""
    return {
        "manifest_id": manifest_id,
        "created_at": now,
        "requested_by": requested_by,
        "criteria": preview.criteria.columns(),
        "complete": choice.complete,
        "message_ids": [letter.message_id for letter in choice.taken],
        "samples": [rescued(entry) for entry in samples],
    }


def groups(matched: Iterable[DeadLetter]) -> list[Json]:
    """The matched letters by cause, the most frequent first."""
    listed_groups = [_group(key, letters) for key, letters in _by_cause(matched).items()]
    return sorted(listed_groups, key=lambda it: (-it["count"], it["first_failed_at"], it["fingerprint"]))


def ages(matched: Sequence[DeadLetter], now: str) -> Json | None:
    """How long ago the last attempts of the matched letters failed."""
    if not matched:
        return None
    seconds = sorted(age_seconds(letter, now) for letter in matched)
    return {"oldest_seconds": seconds[-1], "median_seconds": median_low(seconds), "newest_seconds": seconds[0]}


def expiry(matched: Sequence[DeadLetter], now: str, retention_seconds: int) -> Json | None:
    """When SQS will drop the first of the matched letters."""
    if not matched:
        return None
    first = min(matched, key=lambda it: it.sent_at)
    return {
        "first_expires_at": _expires_at(first, retention_seconds),
        "seconds_left": seconds_left(first, now, retention_seconds),
        "retention_seconds": retention_seconds,
    }


def picked(matched: Iterable[DeadLetter], most: int) -> list[DeadLetter]:
    """The letters to show: one of each cause in turn, starting with the most frequent cause."""
    causes = sorted(_by_cause(matched).values(), key=len, reverse=True)
    in_turn = (letter for letter in chain.from_iterable(zip_longest(*causes)) if letter is not None)
    return [letter for letter, _ in zip(in_turn, range(most), strict=False)]


def sample(letter: DeadLetter, ledger: Sequence[Mapping[str, Any]], now: str, retention: int, receives: int) -> Json:
    """One letter in full. `ledger`: its event's last rows; `receives`: the queue's MaxReceiveCount."""
    work = letter.work
    category, error_type, fingerprint, reason = _cause(letter)
    return {
        "message_id": letter.message_id,
        "event_id": work.event_id if work else None,
        "event_type": work.event_type if work else None,
        "source": work.source if work else None,
        "entity_id": work.entity_id if work else None,
        "event_time": work.event_time if work else None,
        "category": category,
        "error_type": error_type,
        "fingerprint": fingerprint,
        "reason": reason,
        **_injected(letter),
        "attempts": letter.attempts(receives),
        "redrives": work.redrives if work else 0,
        "age_seconds": age_seconds(letter, now),
        "expires_at": _expires_at(letter, retention),
        "sent_at": letter.sent_at,
        "ledger": [_shown_row(row) for row in ledger],
        "unreadable": list(letter.unreadable),
    }


def explanation(choice: LetterChoice, in_flight: int, now: str, language: Language, *, dry: bool) -> str:
    """What a preview read, in sentences. `in_flight`: letters that others hold; `dry`: the stack is in dry run."""
    sentences = [
        _counted(choice, "preview_matched", language),
        *_skipped(choice, language),
        *_warned(choice, now, language),
        *_unseen(choice, in_flight, language),
        render("preview_dry_run", {}, language) if dry else "",
    ]
    return _join(sentences, language)


def no_change(language: Language) -> str:
    """What every rehearsal ends with."""
    return render("redrive_dry_run", {}, language)


def rehearsal(choice: LetterChoice, in_flight: int, language: Language) -> str:
    """What a start in dry run would have done, in sentences."""
    already_gone = choice.totals()["already_gone"]
    gone = render("redrive_already_gone", {"count": already_gone}, language) if already_gone else ""
    sentences = [
        _counted(choice, "redrive_would", language),
        *_skipped(choice, language),
        gone,
        *_unseen(choice, in_flight, language),
        render("redrive_dry_run", {}, language),
    ]
    return _join(sentences, language)


def _counted(choice: LetterChoice, code: str, language: Language) -> str:
    count = len(choice.taken)
    return render(code if count else "preview_matched_nothing", {"count": count, "read": _read(choice)}, language)


def _read(choice: LetterChoice) -> int:
    return len(choice.taken) + len(choice.refused)


def _skipped(choice: LetterChoice, language: Language) -> list[str]:
    if not choice.skipped:
        return []
    params: dict[str, str | int] = {"count": sum(choice.skipped.values()), "detail": listed(choice.skipped)}
    return [render("preview_skipped", params, language), *_too_young(choice, language)]


def _too_young(choice: LetterChoice, language: Language) -> list[str]:
    if choice.allowed_at is None:
        return []
    return [render("preview_too_young", {"count": choice.skipped[TOO_YOUNG], "at": choice.allowed_at}, language)]


def _warned(choice: LetterChoice, now: str, language: Language) -> list[str]:
    """Of letters that a preview shows, and a redrive would not take yet."""
    young = [it for it in choice.taken if age_seconds(it, now) < REDRIVE_MIN_AGE_SECONDS]
    if not young:
        return []
    last = times.to_datetime(max(it.died_at for it in young)) + timedelta(seconds=REDRIVE_MIN_AGE_SECONDS)
    at = times.from_datetime(last)
    return [render("preview_young", {"count": len(young), "minimum": REDRIVE_MIN_AGE_SECONDS, "at": at}, language)]


def _unseen(choice: LetterChoice, in_flight: int, language: Language) -> list[str]:
    left_out = len(_by_cause(choice.taken)) - PREVIEW_GROUPS
    sentences = [render("preview_causes_left_out", {"count": left_out}, language)] if left_out > 0 else []
    sentences += [render("preview_in_flight", {"count": in_flight}, language)] if in_flight else []
    return sentences if choice.complete else [*sentences, render("preview_incomplete", {}, language)]


def _join(sentences: Iterable[str], language: Language) -> str:
    return ("" if language == "ja" else " ").join(filter(None, sentences))


def _by_cause(letters: Iterable[DeadLetter]) -> dict[tuple[str, str, str], list[DeadLetter]]:
    causes: dict[tuple[str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        causes.setdefault(_cause(letter)[:3], []).append(letter)
    return causes


def _group(key: tuple[str, str, str], letters: Sequence[DeadLetter]) -> Json:
    category, error_type, fingerprint = key
    last = max(letters, key=lambda it: it.died_at)
    entities = Counter(letter.work.entity_id for letter in letters if letter.work)
    return {
        "category": category,
        "error_type": error_type,
        "fingerprint": fingerprint,
        "reason": _cause(last)[3],
        **_injected(last),
        "count": len(letters),
        "first_failed_at": min(letter.died_at for letter in letters),
        "last_failed_at": last.died_at,
        "entities": [name for name, _ in entities.most_common(PREVIEW_GROUP_ENTITIES)],
        "entity_count": len(entities),
        "sample_message_id": last.message_id,
    }


def _shown_row(row: Mapping[str, Any]) -> Json:
    """A ledger row without its key. An answer has room for many of the kit's own rows and not for one of DynamoDB's
    largest, which somebody may have edited."""
    shown = [(name, it) for name, it in row.items() if name not in {"PK", "SK"} and isinstance(it, str | int)]
    return {
        shorten(name, MAX_NAME_CHARS): shorten(it, MAX_FAILURE_MESSAGE_CHARS) if isinstance(it, str) else it
        for name, it in shown[:PREVIEW_ROW_MEMBERS]
    }


def _cause(letter: DeadLetter) -> tuple[str, str, str, str]:
    reason = letter.reason
    if reason is None:
        return UNKNOWN, "", "", ""
    return reason.category, reason.error_type, reason.fingerprint, reason.message


def _injected(letter: DeadLetter) -> Json:
    """The failure mode that caused the letter; nothing for a real failure."""
    return {"injected": letter.reason.injected} if letter.reason and letter.reason.injected else {}


def _expires_at(letter: DeadLetter, retention_seconds: int) -> str:
    return times.from_datetime(times.to_datetime(letter.sent_at) + timedelta(seconds=retention_seconds))
