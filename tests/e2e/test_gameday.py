"""`make gameday` as a person types it: a scenario on an engine of its own, from HTTP to the redriven aggregates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from scripts.gameday.scenarios import SCENARIOS
from scripts.local.engine import any_free_port
from tests.e2e.pipeline import SECONDS

ROOT = Path(__file__).resolve().parents[2]


def test_a_schema_that_evolved_is_recovered_from_and_nothing_is_left_running(tmp_path: Path) -> None:
    words = ["schema-evolution", "--output", "json", "--directory", str(tmp_path), "--port", str(any_free_port())]
    # What the person's shell says of AWS leads nowhere else.
    outer = {**os.environ, "PIK_STACK": "pik-prod", "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}

    done = subprocess.run(
        [sys.executable, "-m", "scripts.gameday", *words],
        cwd=ROOT,
        env=outer,
        capture_output=True,
        text=True,
        timeout=SECONDS * 6,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    sheet = json.loads(done.stdout)
    assert [it["text"] for it in sheet["expectations"]] == [
        it.text for it in SCENARIOS["schema-evolution"].expectations
    ]
    assert sheet["met"] == len(sheet["expectations"])
    assert "COMPLETE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state.json").exists()
    assert not list((tmp_path / "engine").iterdir())
