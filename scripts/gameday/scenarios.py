"""The scenarios that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scripts.gameday import downstream_outage, duplicate_storm, poison, schema_evolution, traffic_spike
from scripts.gameday.play import Scenario

SCENARIOS: Final[Mapping[str, Scenario]] = {
    it.name: it
    for it in (
        schema_evolution.SCENARIO,
        downstream_outage.SCENARIO,
        traffic_spike.SCENARIO,
        poison.SCENARIO,
        duplicate_storm.SCENARIO,
    )
}
"""By name, in the order in which to learn."""
