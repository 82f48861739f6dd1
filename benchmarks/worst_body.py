"""What the most expensive body costs: CPU and memory of the whole handler, each body in a process of its own."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.bodies import BODIES
from benchmarks.figures import Figure
from benchmarks.world import NAMES, silence
from pik.flows.ingest import IngestFlow
from pik.settings import IngestSettings
from tests.support.aws.account import FakeAws

TARGET_SECONDS: Final = 1.0
TARGET_MB: Final = 200
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


def worst_body() -> Figure:
    """The body that takes most CPU, and the one that takes most memory."""
    taken = {name: _measured(name) for name in BODIES}
    slowest = max(taken, key=lambda name: taken[name][0])
    seconds, megabytes = taken[slowest][0], max(peak for _, peak in taken.values())
    return Figure(
        "the worst 4 MiB body found",
        f"{seconds:.2f} s of CPU, {megabytes:.0f} MB",
        f"≤ {TARGET_SECONDS:.0f} s, ≤ {TARGET_MB} MB",
        seconds <= TARGET_SECONDS and megabytes <= TARGET_MB,
        f"process_time of one call of ingest in a dry run, and the largest resident size of the process, libraries "
        f"included; {len(BODIES)} bodies, each in a process of its own; the slowest: {slowest}",
        {"seconds": seconds, "megabytes": megabytes},
    )


def _measured(name: str) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worst_body", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the process did not end well: {done.stderr}")
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def _main(name: str) -> None:
    content_type, make = BODIES[name]
    settings = IngestSettings.from_env(NAMES.environment("ingest", DRY_RUN="true"))
    ingest = IngestFlow(settings, FakeAws(validate=False))
    call = {
        "routeKey": "POST /events",
        "headers": {"content-type": content_type},
        "requestContext": {"requestId": "worst"},
        "body": make().decode(),
        "isBase64Encoded": False,
    }
    warm = call | {"body": '{"orderId": "o", "amount": 1}', "headers": {"content-type": "application/json"}}
    with silence():
        ingest(warm, None)
        gc.freeze()
        begun = time.process_time()
        answer = ingest(call, None)
        seconds = time.process_time() - begun
    if answer["statusCode"] >= 500:
        raise RuntimeError(f"{name}: {answer}")
    peak = _PEAK.search(Path("/proc/self/status").read_text("ascii"))
    print(json.dumps([seconds, int(peak[1]) / 1024 if peak else 0.0]))


if __name__ == "__main__":
    _main(sys.argv[1])
