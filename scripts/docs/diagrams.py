"""The diagrams of docs/diagrams: each .dot is drawn as the .svg next to it.

The renderer is Graphviz compiled to WebAssembly, from npm in one fixed version, so that a diagram is drawn the same on
every machine. It is kept in .local/diagrams and needs Node.js, but only here: tests read the committed files.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "diagrams"
RENDERER: Final = "@viz-js/viz"
VERSION: Final = "3.31.0"
INSTALLED: Final = ROOT / ".local" / "diagrams"

_SCRIPT: Final = Path(__file__).with_name("render.mjs")
_INSTALL_SECONDS: Final = 300
_DRAW_SECONDS: Final = 120


class CannotDraw(Exception):
    """Something that drawing needs is missing; the text says what, and how to get it."""


def draw(folder: Path = FOLDER, installed: Path = INSTALLED) -> list[Path]:
    """Draw all diagrams of a folder. Raises CannotDraw."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        missing = " and ".join(name for name, path in (("node", node), ("npm", npm)) if not path)
        raise CannotDraw(f"{missing} not found. Install Node.js 18 or later, for example: apt-get install nodejs npm")
    if _installed_version(installed) != VERSION:
        _install(npm, installed)
    sources = sorted(folder.glob("*.dot"))
    _run([node, str(_SCRIPT), str(installed), *map(str, sources)], _DRAW_SECONDS, "The diagrams could not be drawn")
    return [path.with_suffix(".svg") for path in sources]


def _installed_version(installed: Path) -> str:
    package = installed / "node_modules" / RENDERER / "package.json"
    try:
        return str(json.loads(package.read_text("utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ""


def _install(npm: str, installed: Path) -> None:
    installed.mkdir(parents=True, exist_ok=True)
    (installed / "package.json").write_text('{"private": true}\n', "utf-8")  # or npm looks for one further up
    words = [npm, "install", "--no-audit", "--no-fund", "--no-save", f"{RENDERER}@{VERSION}"]
    _run(words, _INSTALL_SECONDS, f"{RENDERER} could not be installed from npm", installed)


def _run(words: list[str], seconds: int, problem: str, directory: Path = ROOT) -> None:
    try:
        done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotDraw(f"{problem} within {seconds} seconds") from error
    if done.returncode != 0:
        raise CannotDraw(f"{problem}:\n{done.stderr.strip()}")
