"""What the domain's tests share: a registry that knows no schema, and a way to make events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pik.domain.event.envelope import Event, identify, open_envelope
from pik.domain.event.fields import RawRef
from pik.domain.shared.problems import Problem

ARRIVAL = "2026-11-20T12:00:00.000000Z"


class NoSchemas:
    """Every payload is sound, and member `id` names the entity."""

    def problems(self, event_type: str, payload: Any, base: str = "/payload") -> list[Problem]:
        return []

    def entity_of(self, event_type: str, payload: Any) -> str | None:
        return payload.get("id") if isinstance(payload, dict) else None

    def comparable(self, event_type: str, payload: Any) -> Any:
        return payload

    def is_identified_by_arrival(self, event_type: str) -> bool:
        return False

    def bare_members(self, event_type: str) -> tuple[str, ...] | None:
        return ("id",)


@pytest.fixture
def schemas() -> NoSchemas:
    return NoSchemas()


@pytest.fixture
def make_event(schemas: NoSchemas) -> Callable[..., Event]:
    def make(payload: Any = None, *, received_at: str = ARRIVAL, **members: Any) -> Event:
        value = {"source": "shop", "event_type": "order", "entity_id": "e-1", "payload": payload or {"n": 1}} | members
        return identify(open_envelope(value, "order", schemas), schemas, received_at)

    return make


@pytest.fixture
def make_ref() -> Callable[..., RawRef]:
    return lambda key="raw/a", offset=0: RawRef("bucket", key, offset, 10)
