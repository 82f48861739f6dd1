"""POST /replay and GET /replay/{run_id} (HTTP API, payload format 2.0): stored events go through the queue again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.replay import ReplayFlow


def build(environ: Mapping[str, str]) -> ReplayFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.replay import ReplayFlow
    from pik.settings import ReplaySettings, wants_tuned_clients

    return ReplayFlow(ReplaySettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
