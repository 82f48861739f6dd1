"""What ingest says of its own settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pik.flows.ingest import _warnings


def test_a_default_type_that_cannot_work_is_answered_with_those_that_can() -> None:
    members: dict[str, tuple[str, ...] | None] = {"order": ("orderId",), "opaque": None}
    schemas: Any = SimpleNamespace(known_types=sorted(members), bare_members=members.get)
    settings: Any = SimpleNamespace(default_event_type="opaque")
    (warning,) = _warnings(settings, schemas)
    assert warning.endswith("Deploy with one of: order.")
    settings.default_event_type = "order"
    assert _warnings(settings, schemas) == []
