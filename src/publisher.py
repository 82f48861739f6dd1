"""EventsTable's stream to WorkQueue: every new row of an accepted event becomes a work message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.publish import PublishFlow


def build(environ: Mapping[str, str]) -> PublishFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.publish import PublishFlow
    from pik.settings import PublisherSettings, wants_tuned_clients

    return PublishFlow(PublisherSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
