"""How long `pik --help` and `pik status` take, against the least that a command on these libraries takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.figures import Figure

ROOT: Final = Path(__file__).parents[1]
_REFERENCE: Final = (sys.executable, "-c", "import typer, rich")
_PIK: Final = (sys.executable, "-c", "from pik_cli.entry import main; main()")
HELP_TARGET: Final = 4.0
STATUS_TARGET: Final = 11.5
"""Ratios to the reference, which takes 0.06 s where 0.25 s and 0.7 s are the most that a person should wait."""

_STACK: Final = {
    "StackName": "pik-local",
    "StackStatus": "CREATE_COMPLETE",
    "CreationTime": "2026-11-20T10:00:00Z",
}


def command_start(pairs: int = 15) -> Figure:
    """Whole processes, one after the other, so that a busy machine is busy for both."""
    with _stack() as directory:
        commands = {"help": (*_PIK, "--help"), "status": (*_PIK, "status", "-o", "json")}
        for words in (_REFERENCE, *commands.values()):
            _seconds(words, directory)  # writes the bytecode
        taken: dict[str, list[float]] = {"reference": [], **{name: [] for name in commands}}
        for _ in range(pairs):
            taken["reference"].append(_seconds(_REFERENCE, directory))
            for name, words in commands.items():
                taken[name].append(_seconds(words, directory))
    ratios = {
        name: median(ours / least for ours, least in zip(taken[name], taken["reference"], strict=True))
        for name in commands
    }
    seconds = {name: median(values) for name, values in taken.items()}
    return Figure(
        "start of `pik --help` and of `pik status`, against `import typer, rich`",
        f"{ratios['help']:.1f} × and {ratios['status']:.1f} × "
        f"({seconds['help']:.2f} s and {seconds['status']:.2f} s against {seconds['reference']:.2f} s here)",
        f"≤ {HELP_TARGET:.1f} × and ≤ {STATUS_TARGET:.1f} ×",
        ratios["help"] <= HELP_TARGET and ratios["status"] <= STATUS_TARGET,
        f"{pairs} rounds of fresh processes with their bytecode; wall time of the whole process; the median of the "
        "rounds' ratios; what `pik status` reads is a stub in this process, which answers at once",
        {f"{name}_ratio": value for name, value in ratios.items()}
        | {f"{name}_ms": value * 1000 for name, value in seconds.items()},
    )


def _seconds(words: tuple[str, ...], directory: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PIK_"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT / "scripts")])
    begun = time.perf_counter()
    done = subprocess.run(words, env=environment, cwd=directory, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - begun
    if done.returncode not in {0, 1}:  # 1: the stack has findings
        raise RuntimeError(f"{' '.join(words[2:])} failed: {done.stderr}")
    return taken


@contextmanager
def _stack() -> Iterator[str]:
    """A directory in which `pik` finds a local engine, which is a stub of a few lines."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    state = {
        "endpoint": url,
        "api_url": url,
        "stack_name": "pik-local",
        "region": "us-east-1",
        "pids": [os.getpid()],
        "log_file": os.devnull,
        "credentials": {"access_key_id": "test", "secret_access_key": "test"},
    }
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, ".local", "state.json")
            path.parent.mkdir()
            path.write_text(json.dumps(state), "utf-8")
            yield directory
    finally:
        server.shutdown()


class _Stub(BaseHTTPRequestHandler):
    """CloudFormation with a stack of which all outputs are named, an API that is well, and services that refuse."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"status": "ok", "version": "0", "switches": {}}), "application/json")

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if "Action=DescribeStacks" in request:
            self._answer(200, _described(), "text/xml")
        else:
            self._answer(400, json.dumps({"__type": "AccessDeniedException", "message": "no"}), "application/json")

    def _answer(self, status: int, body: str, kind: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing: its lines would come between those of the benchmark."""


def _described() -> str:
    outputs = "".join(
        f"<member><OutputKey>{name}</OutputKey><OutputValue>{name.lower()}</OutputValue></member>"
        for name in ("WorkQueueUrl", "WorkDeadLetterQueueUrl", "EventsTableName", "ProcessorQueueMappingId")
    )
    members = "".join(f"<{name}>{value}</{name}>" for name, value in _STACK.items())
    stack = f"<member>{members}<Outputs>{outputs}</Outputs></member>"
    result = f"<DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult>"
    return f"<DescribeStacksResponse>{result}</DescribeStacksResponse>"
