"""The account of a send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik_cli.send.batches import Batch
from pik_cli.send.source import Form, Item
from pik_cli.send.summary import STATUSES, EventCounts, EventFinding, all_as, of_answer, within
from pik_cli.shell.limits import CLI_MAX_PROBLEMS

ITEMS = tuple(Item(number, number * 10, number * 100, 2, b"{}") for number in range(1, 5))
BATCH = Batch(0, Form.NDJSON, ITEMS)

NUMBERS = st.integers(1, 500)
FINDINGS = st.builds(
    EventFinding, NUMBERS, NUMBERS, st.sampled_from(STATUSES), st.sampled_from(["", "/a"]), st.text(max_size=3)
)
TALLIES = st.builds(
    lambda counts, findings: EventCounts(
        dict(zip(STATUSES, counts, strict=True)), sorted(findings)[:CLI_MAX_PROBLEMS], 0
    ),
    st.lists(st.integers(0, 50), min_size=5, max_size=5),
    st.lists(FINDINGS, max_size=60),
)


def results(*statuses: str, **extra: Any) -> dict[str, Any]:
    return {"results": [{"status": status, **extra} for status in statuses]}


def test_each_result_belongs_to_the_event_at_its_place() -> None:
    answer = results("ACCEPTED", "REJECTED", "CONFLICT", "DUPLICATE")
    answer["results"][1]["errors"] = [
        {"path": "/1/payload/amount", "message": "missing"},
        {"path": "/1", "message": "odd"},
    ]
    answer["results"][2]["reason"] = "used before"
    tally = of_answer(BATCH, answer)
    assert tally is not None
    assert tally.counts == {"ACCEPTED": 1, "DUPLICATE": 1, "CONFLICT": 1, "REJECTED": 1, "FAILED": 0}
    assert tally.findings == [
        EventFinding(20, 2, "REJECTED", "", "odd"),
        EventFinding(20, 2, "REJECTED", "/payload/amount", "missing"),
        EventFinding(30, 3, "CONFLICT", "", "used before"),
    ]
    assert tally.has_findings


def test_a_status_that_is_not_known_is_a_failure() -> None:
    tally = of_answer(BATCH, results("ACCEPTED", "ACCEPTED", "ACCEPTED", "MAYBE"))
    assert tally is not None
    assert (tally.counts["FAILED"], tally.counts["ACCEPTED"]) == (1, 3)


@pytest.mark.parametrize(
    "answer", [{}, {"results": None}, {"results": [{}] * 3}, {"results": [{}] * 5}, {"results": "four"}], ids=str
)
def test_what_does_not_answer_each_event_is_no_answer(answer: dict[str, Any]) -> None:
    assert of_answer(BATCH, answer) is None


@pytest.mark.parametrize(
    ("path", "place", "own"),
    [("/3/payload/a", 3, "/payload/a"), ("/3", 3, ""), ("/31/a", 3, "/31/a"), ("body", 3, "body"), ("/k", 0, "/k")],
)
def test_a_path_in_a_request_of_many_becomes_one_in_its_event(path: str, place: int, own: str) -> None:
    assert within(path, place) == own


@given(st.lists(TALLIES, max_size=6), st.randoms(use_true_random=False))
def test_the_order_in_which_batches_end_does_not_matter(tallies: list[EventCounts], chance: Any) -> None:
    forwards, shuffled = EventCounts(), EventCounts()
    for tally in tallies:
        forwards.add(tally)
    others = list(tallies)
    chance.shuffle(others)
    for tally in others:
        shuffled.add(tally)
    assert shuffled.counts == forwards.counts
    assert shuffled.findings == forwards.findings
    assert shuffled.left_out == forwards.left_out
    assert forwards.left_out + len(forwards.findings) == sum(len(tally.findings) for tally in tallies)


def test_the_first_lines_findings_are_kept_and_the_others_counted() -> None:
    late = all_as("FAILED", [Item(n, n, 0, 1, b"") for n in range(101, 301)], "", "no")
    early = all_as("FAILED", [Item(n, n, 0, 1, b"") for n in range(1, 101)], "", "no")
    late.add(early)
    assert [it.line for it in late.findings] == list(range(1, CLI_MAX_PROBLEMS + 1))
    assert (late.left_out, late.counts["FAILED"]) == (200, 300)


@given(TALLIES)
def test_a_tally_survives_being_written(tally: EventCounts) -> None:
    assert EventCounts.from_json(json.loads(json.dumps(tally.as_json()))) == tally
