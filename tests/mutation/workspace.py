"""A copy of the tree to break things in: the checkout itself is never changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Mutant

_LEFT_OUT: Final = (
    ".git",
    ".venv",
    ".local",
    ".aws-sam",
    ".hypothesis",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "__pycache__",
    "*.egg-info",
    "build",
)


class Workspace:
    """One copy, with at most one mutant in it."""

    def __init__(self, root: Path, place: Path) -> None:
        self.root = place
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(root, place, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)

    @contextmanager
    def broken(self, mutant: Mutant) -> Iterator[None]:
        """The copy with the mutant in it."""
        file = self.root / mutant.path
        original, stat = file.read_bytes(), file.stat()
        file.write_text(mutant.source, "utf-8")
        try:
            yield
        finally:
            file.write_bytes(original)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode is valid again
            shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)  # no mutant learns from another


def content_hash(root: Path) -> str:
    """Of everything that decides what the tests do."""
    digest = hashlib.sha256()
    for folder in ("src", "scripts", "tests", "events", "statemachines"):
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and ".egg-info" not in str(file):
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    for file in (root / name for name in ("template.yaml", "pyproject.toml", "requirements-dev.txt")):
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:16]
