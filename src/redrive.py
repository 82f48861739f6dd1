"""The redrive API (HTTP API, payload format 2.0): preview, start, show and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.redrive_api import RedriveApiFlow


def build(environ: Mapping[str, str]) -> RedriveApiFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.redrive_api import RedriveApiFlow
    from pik.settings import RedriveSettings, wants_tuned_clients

    return RedriveApiFlow(RedriveSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
