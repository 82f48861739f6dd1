"""Pages whose made parts are between marks."""

from __future__ import annotations


def between_marks(page: str, name: str) -> str:
    """What is between the marks `<!-- name -->` and `<!-- /name -->` of a page. Raises ValueError without them."""
    begin = f"<!-- {name} -->"
    return page[page.index(begin) + len(begin) : page.index(f"<!-- /{name} -->")].strip()
