"""The token of a replay that has more to do: its run, its position, and the filters that it belongs to.

Base64url of JSON with a checksum. It is neither secret nor a credential: a caller who may replay may send any filters
anyway. The checksum finds truncation and typing errors, and every value is checked against the filters before it is
used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, Final

from pik.domain.replay.progress import REASONS, Position, ReplayCounts
from pik.domain.replay.request import ReplayFilters
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import MAX_REPLAY_TOKEN_CHARS, MAX_SAFE_INTEGER, REPLAY_LANES
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.shared.runs import is_run_id

_VERSION: Final = 1
_SUM_DIGITS: Final = 16


def write_token(run: str, position: Position, filters: ReplayFilters) -> str:
    """The token that continues from `position`."""
    content = {
        "v": _VERSION,
        "filters": filters.digest,
        "run": run,
        "next": position.following,
        "lanes": {str(number): key for number, key in position.lanes.items()},
        "sent": position.tally.sent,
        "skipped": dict(position.tally.skipped),
    }
    text = json.dumps([content, _checksum(content)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str, filters: ReplayFilters) -> tuple[str, Position]:
    """The run and the position of a token that belongs to `filters`. Raises InvalidEvent."""
    try:
        content = _content(token)
        if content["filters"] != filters.digest:
            raise InvalidEvent([Problem("/next_token", "foreign_token")])
        return _run(content["run"]), _position(content, filters)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidEvent):
            raise
        raise InvalidEvent([Problem("/next_token", "broken_token")]) from error


def _content(token: str) -> dict[str, Any]:
    if len(token) > MAX_REPLAY_TOKEN_CHARS:
        raise ValueError("longer than any token of the kit")
    try:
        data = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    content, checksum = json.loads(data)
    if checksum != _checksum(content) or content["v"] != _VERSION:
        raise ValueError("truncated, changed, or of another version")
    return dict(content)


def _position(content: dict[str, Any], filters: ReplayFilters) -> Position:
    following = _count(content["next"], filters.partition_count)
    lanes = {_count(int(number), following - 1): _key(key, filters) for number, key in content["lanes"].items()}
    if len(lanes) > REPLAY_LANES:
        raise ValueError("more lanes than a replay has")
    skipped = {reason: _count(content["skipped"][reason]) for reason in REASONS if reason in content["skipped"]}
    return Position(following, lanes, ReplayCounts(_count(content["sent"], filters.limit or MAX_SAFE_INTEGER), skipped))


def _run(value: Any) -> str:
    if not isinstance(value, str) or not is_run_id(value):
        raise ValueError("not a run id")
    return value


def _count(value: Any, largest: int = MAX_SAFE_INTEGER) -> int:
    # bool before int: True is an int in Python
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise ValueError("a count out of range")
    return value


def _key(value: Any, filters: ReplayFilters) -> str:
    if value != "" and not filters.first_key <= value < filters.last_key:
        raise ValueError("a key outside the window")
    return str(value)


def _checksum(content: Any) -> str:
    return hashlib.sha256(canonical_json(content)).hexdigest()[:_SUM_DIGITS]
