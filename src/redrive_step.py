"""The steps of statemachines/redrive.asl.yaml: freeze, wave, finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pik.entry import EntryPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pik.flows.redrive_step import RedriveStepFlow


def build(environ: Mapping[str, str]) -> RedriveStepFlow:
    """The flow on this function's resources."""
    from pik.adapters.client.clients import Clients
    from pik.flows.redrive_step import RedriveStepFlow
    from pik.settings import RedriveStepSettings, wants_tuned_clients

    return RedriveStepFlow(RedriveStepSettings.from_env(environ), Clients(tuned=wants_tuned_clients(environ)))


handler = EntryPoint(build)
