"""WorkQueue to AggregatesTable: every event is read, checked, and counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.process import ProcessFlow


def build(environ: Mapping[str, str]) -> ProcessFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.process import ProcessFlow
    from pik.settings import ProcessorSettings, wants_tuned_clients

    return ProcessFlow(ProcessorSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
