"""Make .venv ready: the right Python, the pinned packages, the pik command. Needs nothing but a Python.

Run it as `python3 scripts/bootstrap.py` (`make setup` does). It can be run again at any time: when nothing changed it
ends at once. The file itself must be readable for every Python from 3.8 on, because an old Python is one of the
things that it explains.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".setup-stamp"
# What the environment is made from; a change in one of them means a new set-up.
INPUTS = ("requirements-dev.txt", "pyproject.toml", "scripts/bootstrap.py")
# requires-python of pyproject.toml: the oldest minor version that works and the first that was not tried.
OLDEST, TOO_NEW = (3, 11), (3, 15)
# 3.13 first, because the functions run on it in AWS.
CANDIDATES = ("python3.13", "python3.12", "python3.14", "python3.11")
# A set-up on a slow line took four minutes; three times that is somebody waiting for nothing.
INSTALL_SECONDS = 720
# How much of an installer's complaint is shown.
SHOWN_LINES = 12
NETWORK_SIGNS = re.compile(
    r"name resolution|could not connect|connection error|connectionerror|newconnectionerror|timed? ?out|dns error"
    r"|network is unreachable|error sending request|failed to fetch|max retries|no matching distribution|proxyerror",
    re.IGNORECASE,
)


class SetupError(Exception):
    """Set-up cannot go on; the text says what to do.

    Attributes:
        summary: the first line of what a failed installer said, for a message that goes on.
    """

    def __init__(self, text: str, summary: str = "") -> None:
        super().__init__(text)
        self.summary = summary


def say(text: str) -> None:
    """Print a line of progress at once."""
    print(text, flush=True)


def suitable(version: tuple[int, ...]) -> bool:
    """Tell whether a Python of this version runs the kit."""
    return OLDEST <= tuple(version[:2]) < TOO_NEW


def version_of(interpreter: str) -> tuple[int, ...] | None:
    """Return (major, minor) of an interpreter, or None when it does not run (a shim without a Python behind it)."""
    try:
        done = subprocess.run(
            [interpreter, "-c", "import sys; print(sys.version_info[0], sys.version_info[1])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 2:
        return None
    return (int(words[0]), int(words[1]))


def find_interpreter() -> str:
    """Return a suitable Python: this one, or one on PATH.

    Raises:
        SetupError: when there is none; says what to install.
    """
    if suitable(tuple(sys.version_info[:2])):
        return sys.executable
    for name in CANDIDATES:
        path = shutil.which(name)
        if path is not None:
            version = version_of(path)
            if version is not None and suitable(version):
                say(f"This is Python {sys.version_info[0]}.{sys.version_info[1]}; going on with {path}.")
                return path
    raise SetupError(
        f"This needs Python 3.11, 3.12, 3.13 or 3.14; {sys.executable or 'this one'} is "
        f"{sys.version_info[0]}.{sys.version_info[1]} and none of {', '.join(CANDIDATES)} is on PATH.\n"
        "Install one (macOS: brew install python@3.13; Debian and Ubuntu: sudo apt install python3 python3-venv; any "
        "system: https://www.python.org/downloads/), or name yours: make setup PYTHON=/path/to/python3.13"
    )


def fingerprint(interpreter: str) -> str:
    """Return a digest of everything that the environment depends on, its place included (scripts hold the path)."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update(name.encode())
        digest.update((ROOT / name).read_bytes())
    digest.update(repr((str(ROOT), version_of(interpreter))).encode())
    return digest.hexdigest()


def run(step: str, command: list[str]) -> None:
    """Run one installer step quietly.

    Raises:
        SetupError: when it fails or takes too long, with the end of what it said and a likely fix.
    """
    try:
        done = subprocess.run(
            command,
            cwd=str(ROOT),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{step} took more than {INSTALL_SECONDS} s. Check the network, then run it again.") from error
    except OSError as error:
        raise SetupError(f"{step} could not start: {error}") from error
    if done.returncode == 0:
        return
    output = done.stdout.decode("utf-8", "replace")
    shown = "\n".join("    " + line for line in output.strip().splitlines()[-SHOWN_LINES:])
    raise SetupError(f"{step} failed:\n{shown}\n{advice(output)}", (output.strip().splitlines() or ["no output"])[0])


def advice(output: str) -> str:
    """Return the likely fix for what an installer complained about."""
    if "ensurepip" in output:
        return "The venv module is not complete. Debian and Ubuntu: sudo apt install python3-venv. Then run it again."
    if NETWORK_SIGNS.search(output):
        return (
            "The package index could not be reached or does not have a package. Check the network and the proxy "
            "(HTTPS_PROXY), or name your own index (PIP_INDEX_URL), then run it again."
        )
    if "No space left" in output:
        return "The disk is full: the environment needs about 700 MB."
    return "When this stays, delete .venv and run it again."


def make_venv(interpreter: str) -> Path:
    """Make .venv again when it is missing, broken, moved or of an unsuitable Python; return its interpreter."""
    python = VENV / "bin" / "python"
    found = version_of(str(python)) if python.exists() else None
    here = found is not None and suitable(found) and _pip_belongs_here()
    if not here:
        if VENV.exists():
            say("  removing the old .venv")
            shutil.rmtree(str(VENV))
        run("Making .venv", [interpreter, "-m", "venv", str(VENV)])
    return python


def _pip_belongs_here() -> bool:
    """A copied or moved .venv still has scripts that point to its old place."""
    try:
        return str(VENV) in (VENV / "bin" / "pip").read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError):
        return False


def pinned_uv() -> str:
    """Return the requirement for uv as pinned in requirements-dev.txt."""
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    match = re.search(r"^uv==\S+", text, re.MULTILINE)
    if match is None:
        raise SetupError("requirements-dev.txt does not pin uv. Run make lock in a working checkout.")
    return match.group(0)


def install(python: Path) -> None:
    """Install the pinned packages and the project itself, with uv where it works and with pip where not."""
    uv = str(VENV / "bin" / "uv")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # setuptools is among the pinned packages, so no second download for a build of its own is needed.
    own = ["--no-deps", "--no-build-isolation", "-e", "."]
    say(f"  installing {pinned_uv()}")
    run("Installing uv", [*pip, pinned_uv()])
    say("  installing the packages of requirements-dev.txt")
    try:
        run("Installing with uv", [uv, "pip", "sync", "--quiet", "--python", str(python), "requirements-dev.txt"])
        run("Installing the kit", [uv, "pip", "install", "--quiet", "--python", str(python), *own])
    except SetupError as error:
        say(f"  uv could not ({error.summary}); trying pip instead, which reads your pip configuration (slower)")
        run("Installing with pip", [*pip, "-r", "requirements-dev.txt"])
        run("Installing the kit", [*pip, *own])


def main() -> int:
    """Make the environment ready. Returns the exit status."""
    started = time.monotonic()
    try:
        if STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint(str(VENV / "bin" / "python")):
            return 0
        interpreter = find_interpreter()
        say("Setting up .venv (once; a minute or two on a usual line)")
        python = make_venv(interpreter)
        if STAMP.exists():
            STAMP.unlink()
        install(python)
        STAMP.write_text(fingerprint(str(python)), encoding="utf-8")
    except SetupError as error:
        say(f"Set-up stopped. {error}")
        return 1
    except OSError as error:
        say(f"Set-up stopped: {error}. Check that this directory can be written and that the disk is not full.")
        return 1
    except KeyboardInterrupt:
        say("Set-up stopped by you; run it again to go on.")
        return 130
    say(f"Ready in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    os.chdir(str(ROOT))
    sys.exit(main())
