"""Pages of which a part is made: that part is between two marks, and everything else is written by people."""

from __future__ import annotations

from collections.abc import Sequence


def replaced(page: str, name: str, text: str) -> str:
    """The page with the part between its marks `<!-- name -->` and `<!-- /name -->` replaced. Raises ValueError."""
    begin = f"<!-- {name} -->"
    before, after = page.index(begin) + len(begin), page.index(f"<!-- /{name} -->")
    return f"{page[:before]}\n\n{text}\n\n{page[after:]}"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
