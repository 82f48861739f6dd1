"""The fixtures of tests of the domain."""

from __future__ import annotations

from tests.support.schemas import make_event, make_ref, schemas

__all__ = ["make_event", "make_ref", "schemas"]
