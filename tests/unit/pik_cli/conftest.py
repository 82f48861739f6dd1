"""The fixtures of tests that run the command."""

from __future__ import annotations

from tests.support.command_line import api, backend, machine, no_waiting, pik

__all__ = ["api", "backend", "machine", "no_waiting", "pik"]
