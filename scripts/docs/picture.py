"""`python -m scripts.docs.picture` writes docs/pictures/session.svg, a session on the local engine.

It starts `make run` with a directory of its own, sends one order that no retry can help, runs the commands, and records
what they print. The times in the picture are those of the run; nothing else depends on the machine.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURE: Final = ROOT / "docs" / "pictures" / "session.svg"
COLUMNS: Final = 108

_SECONDS: Final = 60.0
_ORDER: Final = '{"orderId":"huge-001","amount":5000000}'
_LOADED_FONTS: Final = re.compile(r"\s*@font-face\s*\{[^}]*\}")
_LOADED_FONT: Final = "Fira Code, monospace"
_FONTS: Final = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_COMMENT: Final = re.compile(r"\s*<!--.*?-->", re.DOTALL)
_UNIQUE_ID: Final = "session"


class NoPicture(Exception):
    """The session did not go as the picture needs it; the text has what was printed."""


def main() -> int:
    """Record the session and write the picture."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as printed:
        story = printed().split("Your turn")[0]
        show(console, "make run", "\n".join(story.splitlines()[:-1]))
        address = re.search(r"API +(\S+)", printed())
        if address is None:
            raise NoPicture(printed())
        post(address[1])
        show(console, "curl $API_URL/events -H 'Content-Type: application/json' -d '" + _ORDER + "'", "")
        status = until(lambda: pik(folder, "status"), "1 message in the dead-letter queue")
        show(console, "pik status", status)
        show(console, "pik dlq analyze", pik(folder, "dlq", "analyze"))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(without_hosts(console.export_svg(title="pik", theme=MONOKAI, unique_id=_UNIQUE_ID)), "utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
    return 0


@contextmanager
def running(folder: Path) -> Iterator[Callable[[], str]]:
    """A local engine that serves, with what it has printed so far. Raises NoPicture when it does not come to that."""
    log = folder / "output.txt"
    words = [sys.executable, "-m", "scripts.local.run", "--directory", str(folder / ".local")]
    with log.open("w") as output:
        environment = {**os.environ, "COLUMNS": str(COLUMNS)}
        process = subprocess.Popen(words, cwd=ROOT, stdout=output, stderr=output, env=environment)

    def printed() -> str:
        return log.read_text("utf-8").replace(str(folder / ".local"), ".local")

    try:
        until(printed, "Serving until Ctrl-C", lambda: process.poll() is None)
        yield printed
    finally:
        process.terminate()
        process.wait()


def until(probe: Callable[[], str], expected: str, alive: Callable[[], bool] = lambda: True) -> str:
    """What `probe` returns, once `expected` is in it. Raises NoPicture."""
    end = time.monotonic() + _SECONDS
    text = probe()
    while expected not in text:
        if time.monotonic() > end or not alive():
            raise NoPicture(f"not seen: {expected}\n{text}")
        time.sleep(0.2)
        text = probe()
    return text


def post(api_url: str) -> None:
    """Send the order. Raises httpx.HTTPError when it is not accepted."""
    headers = {"content-type": "application/json"}
    httpx.post(f"{api_url}/events", content=_ORDER, headers=headers, trust_env=False).raise_for_status()


def pik(folder: str, *words: str) -> str:
    """What the command prints on a terminal, with its colours."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    command = [str(Path(sys.executable).with_name("pik")), *words]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=follower, stdout=follower, stderr=follower, close_fds=True
    )
    os.close(follower)
    parts = []
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # the end of a terminal whose last user is gone
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    process.wait()
    return b"".join(parts).decode("utf-8").replace("\r\n", "\n")


def show(console: Console, command: str, output: str) -> None:
    """A prompt with the command, and below it what it printed."""
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    if output.strip():
        console.print(Text.from_ansi(output.strip("\n")))
    console.print()


def without_hosts(svg: str) -> str:
    """The picture without fonts that a viewer would have to load, and with the spaces at the beginning of its lines."""
    bare = _COMMENT.sub("", _LOADED_FONTS.sub("", svg)).replace(_LOADED_FONT, _FONTS)
    return bare.replace("<svg ", '<svg xml:space="preserve" ', 1)


if __name__ == "__main__":
    sys.exit(main())
