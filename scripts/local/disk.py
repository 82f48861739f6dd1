"""Why the local engine's directory cannot be written, and what to do: a full disk looks like any other failure."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LEAST_FREE_BYTES: Final = 32 * 1024 * 1024
"""The engine, its functions and the sample take 10 MB; below three times that a longer session fails in the middle."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM})
_ROOT: Final = Path(__file__).resolve().parents[2]
# What a checkout makes again when it is needed; the engine's own directory is added.
_REMOVABLE: Final = (".aws-sam", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "dist")
_MEGABYTE: Final = 1_000_000


class DirectoryUnusable(Exception):
    """The engine's directory cannot be written; the text says why, and what to do."""


@contextmanager
def guarded(directory: Path) -> Iterator[None]:
    """Run something that writes to `directory`. Raises DirectoryUnusable in place of what a full or read-only disk
    causes; with too little space, before anything begins."""
    problem = shortage(directory)
    if problem:
        raise DirectoryUnusable(problem)
    try:
        yield
    except DirectoryUnusable:
        raise
    except Exception as error:
        # A full disk also ends as an answer 500 of the engine, or as its end.
        problem = explain(error, directory) if isinstance(error, OSError) else shortage(directory)
        if not problem:
            raise
        raise DirectoryUnusable(problem) from error


def explain(error: OSError, directory: Path) -> str:
    """Why a write failed, and the fix; empty for an error that has nothing to do with the disk."""
    if error.errno in _FULL:
        return f"The disk that holds {directory} is full. {_make_room(directory)}"
    if error.errno == errno.EROFS:
        return f"{directory} is on a read-only file system. {_elsewhere()}"
    if error.errno in _REFUSED and error.filename:
        return (
            f"{error.filename} may not be written by this user.\n"
            f"Take it over, or delete it:\n  sudo chown -R $(id -u) {directory}\n{_elsewhere()}"
        )
    return shortage(directory)


def shortage(directory: Path) -> str:
    """That the disk is almost full, and the fix; empty when there is enough space, or nobody knows."""
    place = next((it for it in (directory, *directory.parents) if it.exists()), _ROOT)
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return ""
    if free >= LEAST_FREE_BYTES:
        return ""
    left, needed = (f"{count / _MEGABYTE:.0f} MB" for count in (free, LEAST_FREE_BYTES))
    left, needed = (f"{count / _MEGABYTE:.0f} MB" for count in (free, LEAST_FREE_BYTES))
    return (
        f"The disk that holds {directory} is almost full: {left} are free, and the local engine needs {needed}. "
        f"{_make_room(directory)}"
    )


def _make_room(directory: Path) -> str:
    """What can be deleted, the largest first: all of it is made again."""
    paths = (directory / "engine", directory / "engine.log", *(_ROOT / name for name in _REMOVABLE))
    sizes = sorted(((_size(path), path) for path in paths if path.exists()), reverse=True)
    lines = [f"  {path}  {size / _MEGABYTE:,.0f} MB" for size, path in sizes if size >= _MEGABYTE]
    found = "\n".join(["These are made again when they are needed, and can be deleted:", *lines]) if lines else ""
    return "\n".join(it for it in (f"Free some space. {found}".strip(), _elsewhere()) if it)


def _elsewhere() -> str:
    return "Or use another disk:\n  .venv/bin/python -m scripts.local.run --directory DIRECTORY"


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what cannot be read counts as nothing."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(Path(folder, name)).st_size
            except OSError:
                continue
    return total
