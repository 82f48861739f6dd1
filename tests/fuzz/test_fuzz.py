"""Fuzzing within the tests: fixed rounds, and that a planted fault is found and repeated."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from pik.domain.http import checks
from tests.fuzz.corpus import TEXTS, calls
from tests.fuzz.mutations import mutated
from tests.fuzz.rounds import REQUESTS, run_round

FIRST_SEED = 1_000_000
ROUNDS = 100


@pytest.mark.parametrize("part", range(10))
def test_no_request_is_answered_with_a_5xx(part: int) -> None:
    each = ROUNDS // 10
    for seed in range(FIRST_SEED + part * each, FIRST_SEED + (part + 1) * each):
        found = run_round(seed)
        assert found.broken is None, f"make fuzz SEED={seed}: {found.broken}"
        assert found.answers.total() == REQUESTS


def test_every_text_of_the_corpus_is_answered_on_every_route_that_takes_a_body() -> None:
    found = {call["routeKey"] for call in calls() if call.get("body")}
    assert {"POST /events", "POST /replay", "POST /redrive/start", "POST /redrive/cancel"} <= found
    assert len(TEXTS) > 70


def test_a_round_follows_from_its_seed_alone() -> None:
    assert run_round(7).answers == run_round(7).answers
    one, other = (mutated(calls()[3], Random(5)) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_a_planted_fault_is_found_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def most(member: str) -> int:
        return 10**9  # names of any width, as before they were bounded

    monkeypatch.setattr(checks, "_most_key_bytes", most)
    broken = next(found for seed in range(1, 100) if (found := run_round(seed).broken))
    assert "ValidationException" in broken.what
    again: Any = run_round(broken.seed).broken
    assert (again.number, again.call) == (broken.number, broken.call)
