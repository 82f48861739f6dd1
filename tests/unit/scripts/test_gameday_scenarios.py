"""The scenarios, played on a pipeline in memory: all is met when it is well, and each flaw is noticed."""

from __future__ import annotations

import pytest

from pik_cli.shell.errors import Refusal
from scripts.gameday import downstream_outage, duplicate_storm, poison, schema_evolution, traffic_spike
from scripts.gameday.command import play
from scripts.gameday.play import Expectation, Game, Scenario
from scripts.gameday.scenarios import SCENARIOS
from scripts.gameday.sheet import Sheet
from tests.support.gameday import FakeWorld

FLAWS: dict[str, dict[str, list[Expectation]]] = {
    "schema-evolution": {
        "kills bystanders": [schema_evolution.DEAD, schema_evolution.UNHARMED],
        "no reasons": [schema_evolution.REASONS, schema_evolution.ONE_CAUSE],
        "many causes": [schema_evolution.ONE_CAUSE],
        "loses one": [schema_evolution.UNHARMED, schema_evolution.EXACT],
        "counts one twice": [schema_evolution.UNHARMED, schema_evolution.EXACT],
        "rehearsal takes": [schema_evolution.REHEARSED],
        "rehearsal shows nothing": [schema_evolution.REHEARSED],
        "no canary": [schema_evolution.REDRIVEN],
        "redrives end failed": [schema_evolution.REDRIVEN],
        "forgets the transform": [schema_evolution.EXACT],
        "letters stay": [schema_evolution.EMPTY],
    },
    "poison": {
        "retries poison": [poison.AT_ONCE_DEAD],
        "no reasons": [poison.REASONS],
        "no canary": [poison.STOPS, poison.CHEAP],
        "redrives end failed": [poison.STOPS, poison.COMPLETES],
        "forgets letters": [poison.BACK, poison.EXACT],
        "counts poison": [poison.AT_ONCE_DEAD, poison.BACK],
        "loses one": [poison.EXACT],
        "counts one twice": [poison.EXACT],
        "wrong hash": [poison.EXACT],
        "letters stay": [poison.EMPTY],
    },
    "downstream-outage": {
        "no ledger": [downstream_outage.LEDGER, downstream_outage.SPACED],
        "drops in the outage": [downstream_outage.KEPT, downstream_outage.EXACT],
        "hammers": [downstream_outage.SPACED, downstream_outage.BY_THEMSELVES],
        "hides for ever": [downstream_outage.BY_THEMSELVES, downstream_outage.EXACT],
        "no reasons": [downstream_outage.REDRIVEN],
        "redrives end failed": [downstream_outage.REDRIVEN],
        "counts one twice": [downstream_outage.EXACT],
        "letters stay": [downstream_outage.EMPTY],
    },
    "traffic-spike": {
        "refuses": [traffic_spike.ACCEPTED],
        "starves the quiet": [traffic_spike.QUIET],
        "never drains": [traffic_spike.DRAINED],
        "loses one": [traffic_spike.QUIET, traffic_spike.EXACT],
        "counts one twice": [traffic_spike.EXACT],
        "spike dies": [traffic_spike.NONE_DEAD],
    },
    "duplicate-storm": {
        "first is a duplicate": [duplicate_storm.FIRST],
        "no dedupe": [duplicate_storm.REPEATED, duplicate_storm.INDEX],
        "no duplicate rows": [duplicate_storm.INDEX],
        "counts copies": [duplicate_storm.ONCE, duplicate_storm.EXACT],
        "loses one": [duplicate_storm.ONCE],
        "wrong hash": [duplicate_storm.EXACT],
        "a message stays": [duplicate_storm.CLEAN],
    },
}
"""Scenario to what can be wrong with a pipeline, and the expectations that must notice."""


def played(scenario: Scenario, *flaws: str) -> tuple[Sheet, int, FakeWorld]:
    world = FakeWorld(frozenset(flaws))
    sheet, code = play(Game(world, scenario, "0a1b"), "pik-fake", world.clock)
    return sheet, code, world


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_pipeline_that_is_well_meets_every_expectation(name: str) -> None:
    sheet, code, world = played(SCENARIOS[name])

    assert [(it.expectation.text, it.expected, it.found) for it in sheet.results if not it.met] == []
    assert (sheet.met, code, sheet.won) == (len(SCENARIOS[name].expectations), 0, True)
    assert world.mode == "none"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_takes_less_than_two_minutes(name: str) -> None:
    _, _, world = played(SCENARIOS[name])

    assert world.seconds < 120


@pytest.mark.parametrize(("name", "flaw"), [(name, flaw) for name, known in FLAWS.items() for flaw in known])
def test_what_is_wrong_is_noticed_where_it_shows(name: str, flaw: str) -> None:
    sheet, code, world = played(SCENARIOS[name], flaw)

    missed = {it.expectation for it in sheet.results if not it.met}
    assert set(FLAWS[name][flaw]) <= missed
    assert (code, sheet.stopped) == (1, "")
    assert all(it.found for it in sheet.results)
    assert world.mode == "none"


@pytest.mark.parametrize("name", SCENARIOS)
def test_there_is_a_flaw_for_each_expectation(name: str) -> None:
    shown = {it for missed in FLAWS[name].values() for it in missed}

    assert shown == set(SCENARIOS[name].expectations)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_gameday_leaves_other_events_alone(name: str) -> None:
    world = FakeWorld()
    game = Game(world, SCENARIOS[name], "0a1b")
    play(game, "pik-fake", world.clock)

    assert game.tag == "gameday-20261120t100000z-0a1b"
    assert {it.source.startswith(game.tag) for it in world.accepted.values()} == {True}
    assert {it.entity_id.startswith(game.tag) for it in world.accepted.values()} == {True}


class Unwell(FakeWorld):
    """A pipeline whose API stops answering once a fault is on."""

    def send(self, orders: list[object]) -> list[str]:  # type: ignore[override]
        raise Refusal("POST /events answered HTTP 403: no.", "See --profile.")


class Gone(FakeWorld):
    """Somebody presses Ctrl-C in the middle."""

    def send(self, orders: list[object]) -> list[str]:  # type: ignore[override]
        raise KeyboardInterrupt


def test_when_it_cannot_go_on_the_fault_is_cleared_and_the_rest_is_not_reached() -> None:
    world = Unwell()

    sheet, code = play(Game(world, SCENARIOS["poison"], "0a1b"), "pik-fake", world.clock)

    assert (code, sheet.met, sheet.won) == (1, 0, False)
    assert world.modes == ["poison_payload", "none"]
    assert {it.found for it in sheet.results} == {"not reached: POST /events answered HTTP 403: no. See --profile."}
    assert len(sheet.results) == len(SCENARIOS["poison"].expectations)


def test_after_ctrl_c_the_fault_is_cleared_without_waiting() -> None:
    world = Gone()

    with pytest.raises(KeyboardInterrupt):
        play(Game(world, SCENARIOS["poison"], "0a1b"), "pik-fake", world.clock)

    assert world.modes == ["poison_payload", "none"]
    assert world.seconds == pytest.approx(5.5)  # the wait for the fault to be seen, and none for its end


def test_an_expectation_that_was_not_announced_is_refused() -> None:
    game = Game(FakeWorld(), SCENARIOS["poison"], "0a1b")

    with pytest.raises(ValueError, match="does not announce"):
        game.check(duplicate_storm.CLEAN, True, 1, 1)
