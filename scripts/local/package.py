"""The functions' code as the engine takes it: the files of src/ in a zip.

The dependencies are not in it: the engine runs functions with its own Python, which has those of both files of
requirements in src/.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
_SUFFIXES: Final = (".py", ".json", ".toml")
# The oldest date that a zip can hold: the same source makes the same zip.
_DATE: Final = (1980, 1, 1, 0, 0, 0)


def package(source: Path = SOURCE) -> bytes:
    """Return a zip of the Python, JSON and TOML files below `source`; the same bytes for the same files.

    Raises:
        FileNotFoundError: when there are none.
    """
    files = sorted(path for path in source.rglob("*") if path.suffix in _SUFFIXES and "__pycache__" not in path.parts)
    if not files:
        raise FileNotFoundError(f"no code in {source}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(path.relative_to(source).as_posix(), _DATE), path.read_bytes())
    return buffer.getvalue()
