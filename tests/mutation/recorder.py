"""A pytest plugin: writes how long each test took and which failed to the file that MUTATION_RECORD names."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

_seconds: defaultdict[str, float] = defaultdict(float)
_failed: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] += report.duration
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # the process that collects what the workers report
        record = {"seconds": _seconds, "failed": sorted(_failed)}
        Path(os.environ["MUTATION_RECORD"]).write_text(json.dumps(record), "utf-8")
