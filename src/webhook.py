"""POST /webhooks/{source} (HTTP API, payload format 2.0): a request with a right signature is taken as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.webhook import WebhookFlow


def build(environ: Mapping[str, str]) -> WebhookFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.webhook import WebhookFlow
    from pik.settings import WebhookSettings, wants_tuned_clients

    return WebhookFlow(WebhookSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
