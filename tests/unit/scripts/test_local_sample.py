"""The sample holds the story that `make demo` reconciles, so its fates must be what the domain really decides."""

from __future__ import annotations

from collections import Counter

from pik.domain.event.intake import take_in
from pik.domain.http.requests import NDJSON, split
from pik.domain.http.validation import SchemaRegistry
from pik.schemas import load_schemas
from scripts.local import sample

RECEIVED_AT = "2026-11-20T12:00:00.000000Z"


def fates_by_the_domain(text: str) -> Counter[str]:
    """What ingest would answer to these lines, by the same code, without AWS."""
    schemas = SchemaRegistry(load_schemas(), allow_unknown=True)
    found: Counter[str] = Counter()
    first_sha: dict[str, str] = {}
    rows = text.splitlines()
    for start in range(0, len(rows), 100):
        body = "\n".join(rows[start : start + 100]).encode()
        taken, refused = take_in(split(body, {"content-type": NDJSON}), schemas, "order", RECEIVED_AT, f"r-{start}")
        found["rejected"] += len(refused)
        for it in taken:
            first = first_sha.setdefault(it.event.event_id, it.event.payload_sha)
            seen = found.get(f"seen {it.event.event_id}")
            found[f"seen {it.event.event_id}"] += 1
            found["accepted" if not seen else "duplicate" if first == it.event.payload_sha else "conflict"] += 1
    return Counter({fate: found[fate] for fate in ("accepted", "duplicate", "conflict", "rejected")})


def test_the_file_in_the_repository_is_what_the_generator_writes() -> None:
    text = sample.SAMPLE_FILE.read_text(encoding="utf-8")
    assert text == "".join(f"{line.text}\n" for line in sample.lines())


def test_the_domain_decides_each_fate_as_the_sample_says() -> None:
    text = sample.SAMPLE_FILE.read_text(encoding="utf-8")
    assert fates_by_the_domain(text) == sample.tally()


def test_the_sample_has_some_hundred_lines_and_every_fate() -> None:
    tally = sample.tally()
    assert 300 <= tally.total() <= 999
    assert all(tally[fate] >= 4 for fate in ("accepted", "duplicate", "conflict", "rejected"))


def test_each_line_is_one_line_so_that_a_batch_can_be_cut_anywhere() -> None:
    for line in sample.lines():
        assert line.text.strip() == line.text
        assert len(line.text.splitlines()) == 1
