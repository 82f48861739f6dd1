"""How long a function's process takes to be ready, against the least that any function on these services takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import Figure
from benchmarks.wire import ENVIRONMENT
from benchmarks.world import NAMES

SRC: Final = Path(__file__).parents[1] / "src"
_TIMED: Final = "import time; begun = time.perf_counter()\n{}\nprint(time.perf_counter() - begun)"
_REFERENCE: Final = "import boto3; boto3.client('dynamodb'); boto3.client('s3')"
_INGEST: Final = "import ingest; assert ingest.handler.is_ready"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def cold_start(pairs: int = 15) -> Figure:
    """Import of ingest with its clients and schemas built, as Lambda does it before the first request."""
    with _package() as package:
        for code in (_REFERENCE, _INGEST):
            _seconds(code, package)  # writes the bytecode, which the package has too
        taken = [(_seconds(_REFERENCE, package), _seconds(_INGEST, package)) for _ in range(pairs)]
    ratio = median(ours / theirs for theirs, ours in taken)
    theirs_ms, ours_ms = (median(column) * 1000 for column in zip(*taken, strict=True))
    return Figure(
        "cold start of ingest, against `import boto3` + a DynamoDB and an S3 client",
        f"{ratio:.2f} × ({ours_ms:.0f} ms against {theirs_ms:.0f} ms here)",
        "≤ 1.0 ×",
        ratio <= 1.0,
        f"{pairs} pairs of fresh processes, one after the other, with the packages that the function has and their "
        "bytecode; wall time within the process; the median of the pairs' ratios",
        {"ratio": ratio, "ours_ms": ours_ms, "reference_ms": theirs_ms},
    )


def _seconds(code: str, package: str) -> float:
    environment = {
        **ENVIRONMENT,
        **NAMES.environment("ingest"),
        "AWS_LAMBDA_FUNCTION_NAME": "ingest",
        "PLAIN_AWS_CLIENTS": os.environ.get("PLAIN_AWS_CLIENTS", ""),
        "PYTHONPATH": os.pathsep.join([package, str(SRC)]),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", _TIMED.format(code)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the process did not start: {done.stderr}")
    return float(done.stdout.split()[-1])


@contextmanager
def _package() -> Iterator[str]:
    """A directory with what `sam build` would put next to our code, and nothing else: botocore loads what it finds."""
    with tempfile.TemporaryDirectory() as directory:
        for distribution in _needed():
            for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
                link = Path(directory, name)
                if not link.exists():
                    link.symlink_to(Path(str(distribution.locate_file(name))))
        yield directory


def _needed() -> Iterator[metadata.Distribution]:
    lines = (SRC / "requirements.txt").read_text("utf-8").splitlines()
    pending = [line for line in lines if line and not line.startswith("#")]
    seen: set[str] = set()
    while pending:
        requirement = pending.pop()
        match = _NAME.match(requirement)
        name = match[0].lower().replace("_", "-") if match else ""
        if not name or name in seen or "extra ==" in requirement:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another Python or platform
            continue
        pending += distribution.requires or []
        yield distribution
