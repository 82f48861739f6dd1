"""`pik send` after a break: nothing lost, nothing doubled, nothing sent twice that had its answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.api_server import ApiServer, Gate, ServerFault, ndjson, orders
from tests.support.command_line import Pik, journals, summary, wait_for_posts, write_state

ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_a_rerun_sends_only_what_has_no_answer_and_counts_the_whole_file(
    api: ApiServer, pik: Pik, machine: Path
) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(50)))
    api.faults.extend([ServerFault(500)])
    broken = pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1", "-o", "json")
    assert broken.exit_code == 1
    assert (summary(broken)["accepted"], summary(broken)["failed"]) == (40, 10)
    assert summary(broken)["journal"] == str(journals(machine)[0])
    api.posts.clear()
    rerun = pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    assert rerun.exit_code == 0
    assert len(api.posts) == 1
    told = summary(rerun)
    assert (told["events"], told["accepted"], told["duplicate"], told["failed"]) == (50, 50, 0, 0)
    assert (told["this_run"]["batches"], told["this_run"]["batches_resumed"]) == (1, 4)
    assert "40 events have an answer already, in 4 batches" in rerun.stderr
    assert journals(machine) == []
    assert api.accepted_entities() == {f"c-{n}": 1 for n in range(50)}


def test_a_killed_send_goes_on_where_it_stopped(api: ApiServer, pik: Pik, machine: Path) -> None:
    """SIGKILL in the middle: batches with an answer are not sent again, the others are, and nothing doubles."""
    (machine / "orders.ndjson").write_bytes(ndjson(orders(100)))
    api.gate = Gate(passes=3)
    process = start(machine, "send", "orders.ndjson", "--batch-size", "10", "--concurrency", "2")
    wait_for_posts(api, 5)
    while len(done_batches(machine)) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=10)
    done = done_batches(machine)
    api.gate.open()
    rerun = pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    told = summary(rerun)
    assert rerun.exit_code == 0
    assert told["this_run"]["batches_resumed"] == len(done) == 3
    assert told["this_run"]["batches"] == 10 - len(done)
    assert told["accepted"] + told["duplicate"] == told["events"] == 100
    times_sent = Counter(first_number(post.body) // 10 for post in api.posts)
    assert {number: times_sent[number] for number in done} == dict.fromkeys(done, 1)
    assert api.accepted_entities() == {f"c-{n}": 1 for n in range(100)}


def test_ctrl_c_waits_for_the_requests_under_way_and_says_how_to_go_on(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(100)))
    api.gate = Gate()
    process = start(machine, "send", "orders.ndjson", "--batch-size", "10", "--concurrency", "2", "-o", "json")
    wait_for_posts(api, 2)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    api.gate.open()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    told = json.loads(out)
    assert (told["events"], told["accepted"], told["complete"]) == (20, 20, False)
    assert len(api.posts) == 2
    assert "Traceback" not in err
    rerun = summary(pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json"))
    assert (rerun["events"], rerun["accepted"], rerun["this_run"]["batches_resumed"]) == (100, 100, 2)


def test_a_second_ctrl_c_leaves_the_requests_under_way(api: ApiServer, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(20)))
    api.gate = Gate()
    process = start(machine, "send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    wait_for_posts(api, 2)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=5)
    assert process.returncode == 130, err
    assert json.loads(out)["events"] == 0
    assert "Traceback" not in err


def test_restart_sends_everything_again(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(20)))
    api.faults.append(ServerFault(500))
    pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
    result = pik("send", "orders.ndjson", "--batch-size", "10", "--restart", "-o", "json")
    assert (summary(result)["accepted"], summary(result)["duplicate"]) == (10, 10)
    assert summary(result)["this_run"]["batches"] == 2


def test_a_changed_file_has_no_journal(api: ApiServer, pik: Pik, machine: Path) -> None:
    file = machine / "orders.ndjson"
    file.write_bytes(ndjson(orders(20)))
    api.faults.append(ServerFault(500))
    pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
    file.write_bytes(ndjson(orders(21)))
    result = pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    assert summary(result)["this_run"]["batches_resumed"] == 0


def test_a_new_local_engine_does_not_count_as_the_one_before(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(20)))
    api.faults.append(ServerFault(500))
    pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
    write_state(machine, api.url, started_at="2026-11-20T11:11:11+00:00")
    result = pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    assert summary(result)["this_run"]["batches_resumed"] == 0


def test_a_second_send_of_the_same_file_is_refused_while_one_is_under_way(
    api: ApiServer, pik: Pik, machine: Path
) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(3)))
    api.gate = Gate()
    process = start(machine, "send", "orders.ndjson")
    wait_for_posts(api, 1)
    second = pik("send", "orders.ndjson")
    api.gate.open()
    process.wait(20)
    assert (second.exit_code, process.returncode) == (1, 0)
    assert "Another `pik send` of orders.ndjson" in second.stderr


def test_where_no_journal_can_be_kept_the_send_goes_on_and_says_so(
    api: ApiServer, pik: Pik, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "in-the-way").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(machine / "in-the-way"))
    (machine / "orders.ndjson").write_bytes(ndjson(orders(3)))
    result = pik("send", "orders.ndjson")
    assert result.exit_code == 0
    assert "No journal can be kept" in result.stderr


def test_a_journal_that_cannot_be_read_is_not_used(api: ApiServer, pik: Pik, machine: Path) -> None:
    (machine / "orders.ndjson").write_bytes(ndjson(orders(20)))
    api.faults.append(ServerFault(500))
    pik("send", "orders.ndjson", "--batch-size", "10", "--retries", "0", "--concurrency", "1")
    journal = next(path for path in journals(machine) if path.suffix == ".json")
    journal.write_text('{"done": [[0')
    result = pik("send", "orders.ndjson", "--batch-size", "10", "-o", "json")
    assert (summary(result)["events"], summary(result)["this_run"]["batches"]) == (20, 2)
    assert "cannot be read" in result.stderr


def start(machine: Path, *args: str) -> subprocess.Popen[str]:
    """The command as a process of its own, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "pik_cli.main", *args],
        cwd=machine,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done_batches(machine: Path) -> set[int]:
    """The batches that the journal has."""
    files = [path for path in journals(machine) if path.suffix == ".json"]
    stretches = json.loads(files[0].read_text())["done"] if files else []
    return {number for first, last in stretches for number in range(first, last + 1)}


def first_number(body: bytes) -> int:
    """The number of the first order in a body."""
    return int(json.loads(body.splitlines()[0])["entity_id"].removeprefix("c-"))
