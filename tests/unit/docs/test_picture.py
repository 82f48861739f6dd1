"""The picture of a session in README.md: what it must show, and what a committed picture must not hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from scripts.docs import picture

TEXT = picture.PICTURE.read_text("utf-8")


def shown() -> str:
    tree = ElementTree.fromstring(TEXT)  # noqa: S314 (our own file)
    cells = ["".join(it.itertext()) for it in tree.iter("{http://www.w3.org/2000/svg}text")]
    return "".join(cells).replace("\u00a0", " ")


def test_it_shows_a_run_a_finding_and_its_cause() -> None:
    text = shown()
    for part in (
        "make run",
        "Everything adds up",
        "pik status",
        "WorkDeadLetterQueue",
        "pik dlq analyze",
        "AmountOverLimit",
    ):
        assert part in text


def test_it_loads_nothing_and_names_no_host_but_this_machine() -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", TEXT))
    assert hosts == {"www.w3.org", "127.0.0.1"}
    assert "@font-face" not in TEXT
    assert not re.search(r"(?:href|src)=|@import", TEXT)


def test_it_has_no_path_of_a_machine() -> None:
    assert not re.search(r"/(?:tmp|home|root|Users|work|var)/", shown())


def test_fonts_that_would_be_loaded_are_taken_out() -> None:
    svg = (
        '<svg viewBox="0"><!-- by a tool --><style>\n@font-face { src: url("https://x/y") }\n'
        ".a { font-family: Fira Code, monospace; }</style></svg>"
    )
    assert picture.without_hosts(svg) == (
        '<svg xml:space="preserve" viewBox="0"><style>\n'
        ".a { font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }</style></svg>"
    )
