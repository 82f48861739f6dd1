"""POST /events and GET /health (HTTP API, payload format 2.0): what arrives is stored, deduplicated and indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.ingest import IngestFlow


def build(environ: Mapping[str, str]) -> IngestFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.ingest import IngestFlow
    from pik.settings import IngestSettings, wants_tuned_clients

    return IngestFlow(IngestSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
