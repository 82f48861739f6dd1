"""The journal: what is done is never forgotten, what is not done is never taken for done."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik_cli.send.journal import Journal, Ranges, folder, key_of
from pik_cli.send.source import Item
from pik_cli.send.summary import EventCounts, all_as
from pik_cli.shell.errors import Refusal


@given(st.lists(st.integers(0, 40)))
def test_ranges_hold_exactly_what_was_added(numbers: list[int]) -> None:
    ranges = Ranges()
    for number in numbers:
        ranges.add(number)
    assert [number for number in range(42) if number in ranges] == sorted(set(numbers))
    assert len(ranges) == len(set(numbers))
    joined = [[first, last] for first, last in ranges.stretches]
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(joined))


def tally(count: int) -> EventCounts:
    return all_as("REJECTED", [Item(n, n, 0, 1, b"") for n in range(count)], "/a", "wrong")


def test_what_was_recorded_is_taken_up_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j.json", "file", "api")
    first.record(0, tally(2))
    first.record(5, tally(1))
    second = Journal(tmp_path / "j.json")
    assert second.load() == ""
    assert (0 in second.done, 1 in second.done, 5 in second.done) == (True, False, True)
    assert second.tally == first.tally
    assert second.tally.counts["REJECTED"] == 3


def test_a_break_while_writing_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j.json")
    journal.record(0, tally(1))
    before = (tmp_path / "j.json").read_bytes()

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pik_cli.send.journal.os.fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        journal.record(1, tally(1))
    assert (tmp_path / "j.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["j.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"done": [[0, 1]]}', '{"done": [1], "tally": {}}', "null"])
def test_a_journal_that_says_nothing_sound_is_not_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "j.json").write_text(text)
    journal = Journal(tmp_path / "j.json")
    assert "cannot be read" in journal.load()
    assert len(journal.done) == 0
    assert journal.tally.events == 0


def test_without_a_file_there_is_nothing_to_take_up_and_nothing_to_say(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.json")
    assert journal.load() == ""
    assert not journal.done


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = Journal(tmp_path / "d" / "j.json", "f"), Journal(tmp_path / "d" / "j.json", "f")
    first.lock()
    with pytest.raises(Refusal, match="Another `pik send` of f"):
        second.lock()
    first.close()
    second.lock()
    second.close()
    assert list((tmp_path / "d").iterdir()) == []


def test_a_finished_journal_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.json")
    journal.lock()
    journal.record(0, tally(1))
    journal.remove()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_journal_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.json")
    journal.lock()
    journal.record(0, tally(1))
    journal.close()
    assert json.loads((tmp_path / "j.json").read_text())["done"] == [[0, 0]]


def test_the_key_changes_with_everything_that_changes_the_batches_or_their_target() -> None:
    keys = {
        key_of("sha", "api", "ndjson", 100),
        key_of("other", "api", "ndjson", 100),
        key_of("sha", "other", "ndjson", 100),
        key_of("sha", "api", "json", 100),
        key_of("sha", "api", "ndjson", 99),
    }
    assert len(keys) == 5
    assert key_of("sha", "api", "ndjson", 100) in keys


def test_journals_live_where_the_machine_keeps_state() -> None:
    assert folder({"XDG_STATE_HOME": "/s"}) == Path("/s/pik/send")
    assert folder({}) == Path.home() / ".local/state/pik/send"
