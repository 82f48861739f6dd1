"""Every decision is a dated record of one form, and the index lists each of them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("0*.md"))
SECTIONS = ["Context", "Decision", "Options rejected", "Consequences"]
HEAD = re.compile(r"# (\d+)\. (.+)\n\n\* Date: (\d{4}-\d\d-\d\d)\n\* Status: (.+)\n\n## ")
ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (\S+) \|$", re.MULTILINE)


def head(path: Path) -> tuple[int, str, str, str]:
    found = HEAD.match(path.read_text("utf-8"))
    assert found, f"{path.name} does not begin with its title, date and status"
    return int(found[1]), found[2], found[3], found[4]


def test_there_are_records_and_their_numbers_have_no_gaps() -> None:
    assert len(RECORDS) > 30
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem[:40])
def test_a_record_has_the_head_of_all_records(path: Path) -> None:
    number, title, day, status = head(path)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")
    assert path.name == f"{number:04d}-{slug}.md"
    assert date.fromisoformat(day).isoformat() == day
    assert status == "accepted" or re.fullmatch(r"superseded by \[\d+\]\(\d{4}-[a-z0-9-]+\.md\)", status)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem[:40])
def test_a_record_has_all_sections_in_order_and_none_is_empty(path: Path) -> None:
    _, *parts = re.split(r"^## (.*)\n", path.read_text("utf-8"), flags=re.MULTILINE)
    assert parts[::2] == SECTIONS
    assert all(text.strip() for text in parts[1::2])
    assert re.search(r"^\* \*\*.+\*\*", parts[5], re.MULTILINE), "no rejected option"


def test_the_index_lists_each_record_once_with_its_title_and_date() -> None:
    listed = ROW.findall((FOLDER / "README.md").read_text("utf-8"))
    written = [(head(path), path.name) for path in RECORDS]
    assert sorted(listed) == sorted((str(number), title, name, day) for (number, title, day, _), name in written)
