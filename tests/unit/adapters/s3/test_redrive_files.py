"""The files of a redrive: written once, read by stretches."""

from __future__ import annotations

import pytest

from pik.adapters.s3.redrive_files import RedriveFiles, report_key, rescued_key
from pik.domain.redrive.message import Entry
from tests.support.aws.account import FakeAws

RUN = "rdr-20261120T101530Z-0a1b2c3d"
FROZEN = {"frozen_at": "2026-11-20T10:15:30.000001Z", "frozen": 5}


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> RedriveFiles:
    monkeypatch.setattr("pik.adapters.s3.redrive_files.REDRIVE_PART_MESSAGES", 2)
    aws = FakeAws()
    aws.s3.create_bucket(Bucket="raw")
    return RedriveFiles(aws.s3, "raw")  # type: ignore[arg-type]


def entries(first: int, end: int) -> list[Entry]:
    return [Entry(str(number), "receipt", "2026-11-20T10:15:30.000000Z", "shop") for number in range(first, end)]


def test_a_file_is_never_written_over(files: RedriveFiles) -> None:
    assert files.put("a.json", {"n": 1})
    assert not files.put("a.json", {"n": 2})
    assert files.get("a.json") == {"n": 1}
    assert files.get("b.json") is None


def test_lines_come_back_as_they_were(files: RedriveFiles) -> None:
    lines = [{"body": "line\nbreak"}, {"body": "日本"}]
    files.put_lines("a.ndjson", lines)
    files.put_lines("a.ndjson", [])
    assert files.get_lines("a.ndjson") == lines
    assert files.get_lines("b.ndjson") is None


@pytest.mark.parametrize(("start", "end"), [(0, 5), (0, 1), (1, 3), (2, 4), (3, 5), (4, 5), (5, 5)])
def test_any_stretch_of_a_selection_is_found(files: RedriveFiles, start: int, end: int) -> None:
    assert files.put_selection(RUN, FROZEN, entries(0, 5)) == FROZEN
    assert files.entries(RUN, FROZEN["frozen_at"], start, end) == entries(start, end)  # type: ignore[arg-type]


def test_parts_of_an_attempt_that_died_are_not_mixed_with_those_of_the_next(files: RedriveFiles) -> None:
    later = {"frozen_at": "2026-11-20T10:16:00.000000Z", "frozen": 4}
    files.put_selection("other", FROZEN, entries(0, 1))
    files.put(
        f"redrive/runs/{RUN}/selection-20261120101530000001-0001.json",
        {"entries": [entry.columns() for entry in entries(90, 92)]},
    )
    assert files.put_selection(RUN, later, entries(0, 4)) == later
    assert files.entries(RUN, later["frozen_at"], 0, 4) == entries(0, 4)  # type: ignore[arg-type]


def test_a_second_selection_of_a_run_gives_way_to_the_first(files: RedriveFiles) -> None:
    files.put_selection(RUN, FROZEN, entries(0, 2))
    there = files.put_selection(RUN, {"frozen_at": "2026-11-20T11:00:00.000000Z"}, entries(5, 7))
    assert there["frozen_at"] == FROZEN["frozen_at"]


def test_a_selection_that_is_gone_is_told(files: RedriveFiles) -> None:
    with pytest.raises(LookupError, match="visible again"):
        files.entries(RUN, "2026-11-20T10:15:30.000001Z", 0, 1)


def test_keys_say_the_run_and_the_day() -> None:
    assert report_key(RUN) == f"redrive/runs/{RUN}/report.json"
    assert rescued_key(RUN, 3, "2026-11-20T10:15:30.000001Z") == f"rescued/date=2026-11-20/{RUN}-0003.ndjson"
