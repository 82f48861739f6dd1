"""The local engine as one child process: start, wait until ready, stop without leaving anything behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from scripts.local import disk

HOST = "127.0.0.1"
REGION = "us-east-1"
# The engine's own words for its root caller. They open nothing outside this machine.
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105 - a dummy that the engine expects, not a secret
# Known to people from other local AWS engines; taken when it is free and PORT= does not say otherwise.
USUAL_PORT = 4566
# Ready in 0.3 s on an idle machine; a loaded two-core runner was seen to need 6 s.
READY_SECONDS = 60.0
# Long enough for the engine to end its functions (it gives them 2 s), short enough for somebody who pressed Ctrl-C.
STOP_SECONDS = 5.0
# How many lines of the log a failure message shows.
LOG_TAIL_LINES = 15
# Variables of the person's own shell that the engine and its functions need. Everything else stays outside: a proxy,
# an AWS profile or a log level of the shell must not change what happens here.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL")


class EngineError(Exception):
    """The engine did not start, or stopped unexpectedly; the text says what to do."""


def port_is_free(port: int) -> bool:
    """Tell whether nothing listens on this port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the engine itself binds: a port in TIME_WAIT after the last run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose_port(wanted: int | None) -> int:
    """Return the port to serve on.

    Args:
        wanted: what the person requested (PORT=), or None for the usual port, or any free one when that is taken.

    Raises:
        EngineError: when the wanted port is taken or is none.
    """
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise EngineError(f"PORT={wanted} is not a port. Choose a number from 1 to 65535, such as PORT=8080.")
        if not port_is_free(wanted):
            raise EngineError(
                f"Port {wanted} is in use by another program. Choose another one, such as `make run PORT={wanted + 1}`,"
                " or leave PORT out and a free one is found."
            )
        return wanted
    return USUAL_PORT if port_is_free(USUAL_PORT) else any_free_port()


def any_free_port() -> int:
    """Return a port that nothing listens on just now, as the system gives them out."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def environment(port: int, directory: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of the engine (its functions inherit it)."""
    return {
        **{name: outer[name] for name in _PASSED_ON if name in outer},
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        # Roles are enforced: a permission that the template forgets fails here and not first in an account.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        # The engine unpacks functions and writes its pid file in the temporary directory: keep them in ours.
        "TMPDIR": str(directory / "tmp"),
        # No container runtime is wanted, and looking for one costs seconds where a broken one is installed.
        "DOCKER_HOST": f"unix://{directory / 'no-container-runtime.sock'}",
        # Functions stay warm for an hour: nobody waits for a cold start again after a short break.
        "LAMBDA_WARM_TTL_SECONDS": "3600",
    }


def _tail(log_file: Path) -> str:
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-LOG_TAIL_LINES:]) or "(the log is empty)"


@dataclass
class Engine:
    """One running engine. Use as a context manager, or call `start` and `stop`.

    Attributes:
        port: on the loopback interface.
        directory: holds everything the engine writes; `tmp`, `state` and `s3` in it are emptied at the start.
        log_file: what the engine says, the functions' output included.
    """

    port: int
    directory: Path
    log_file: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients take as endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the engine, which is the id of its process group too."""
        if self._process is None:
            raise EngineError("The engine is not running.")
        return self._process.pid

    def start(self) -> None:
        """Start the process and return at once; `wait_ready` follows.

        Raises:
            EngineError: when the directory cannot be written.
        """
        try:
            self._prepare_directory()
            log = self.log_file.open("wb")
        except OSError as error:
            problem = disk.explain(error, self.directory.parent) or "Check its permissions."
            raise EngineError(f"Cannot write to {self.directory}: {error.strerror}. {problem}") from error
        with log:
            self._process = self._spawn(log)

    def _prepare_directory(self) -> None:
        for name in ("tmp", "state", "s3"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        (self.directory / "tmp").mkdir(parents=True)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.local.launcher"],
            stdin=subprocess.PIPE,  # the lifeline, see launcher.py
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parents[2],
            env=environment(self.port, self.directory, os.environ),
            start_new_session=True,
        )

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return when the engine answers.

        Raises:
            EngineError: when it ended or did not answer in time; the end of its log is in the text.
        """
        deadline = time.monotonic() + seconds
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline:
                if not self.alive():
                    raise EngineError(self._ended_message())
                with suppress(httpx.TransportError):
                    if client.get(f"{self.endpoint}/_ministack/ready").is_success:
                        return
                time.sleep(0.05)
        raise EngineError(
            f"The engine did not answer within {seconds:.0f} s. Its log ({self.log_file}) ends:\n{_tail(self.log_file)}"
        )

    def _ended_message(self) -> str:
        if "already in use" in (tail := _tail(self.log_file)):
            return f"Port {self.port} was taken by another program just now. Start again, or choose one with PORT=."
        return f"The engine ended unexpectedly. Its log ({self.log_file}) ends:\n{tail}"

    def stop(self) -> None:
        """End the engine and every function process of it; safe to call twice and when it has already ended."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        # The group and not the process: a function in the middle of its work may have outlived the engine.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        for name in ("tmp", "state", "s3"):
            shutil.rmtree(self.directory / name, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
