"""Cutting events into requests: nothing lost, nothing doubled, every bound held, always the same."""

from __future__ import annotations

import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.http.requests import split as split_request
from pik_cli.send.batches import Batch, outcomes, split
from pik_cli.send.source import Form, Item, items

FORMS = st.sampled_from(list(Form))


def make_items(lengths: list[int]) -> list[Item]:
    """Events of these many bytes, each with other content; 0 means one that is too long to be kept."""
    made, offset = [], 0
    for number, length in enumerate(lengths, 1):
        data = f"{number:x}".rjust(length, "x").encode()[:length] if length else None
        made.append(Item(number, number, offset, length or 5_000_000, data))
        offset += length + 1
    return made


@given(st.lists(st.integers(0, 60), max_size=60), FORMS, st.integers(1, 9), st.integers(10, 80))
def test_every_event_is_in_exactly_one_batch_and_every_bound_holds(
    lengths: list[int], form: Form, size: int, max_bytes: int
) -> None:
    given_items = make_items(lengths)
    batches = list(split(given_items, form, size, max_bytes))
    everything = sorted((it for batch in batches for it in (*batch.items, *batch.refused)), key=lambda it: it.number)
    assert everything == given_items
    assert [batch.number for batch in batches] == list(range(len(batches)))
    for batch in batches:
        assert 1 <= batch.events <= size
        assert not batch.items or len(batch.body) <= max_bytes
        assert all(it.data is None or it.length + 2 > max_bytes for it in batch.refused)
        assert all(it.data is not None for it in batch.items)


@given(st.lists(st.integers(0, 60), max_size=60), FORMS, st.integers(1, 9), st.integers(10, 80))
def test_the_order_of_the_file_is_kept(lengths: list[int], form: Form, size: int, max_bytes: int) -> None:
    batches = split(make_items(lengths), form, size, max_bytes)
    sent = [it.number for batch in batches for it in batch.items]
    assert sent == sorted(sent)


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(1, 9), st.integers(10, 80))
def test_a_batch_is_only_left_when_the_next_event_does_not_fit(lengths: list[int], size: int, max_bytes: int) -> None:
    batches = list(split(make_items(lengths), Form.JSON, size, max_bytes))
    for batch, following in itertools.pairwise(batches):
        first = min((*following.items, *following.refused), key=lambda it: it.number)
        grown = Batch(0, Form.JSON, (*batch.items, first))
        assert batch.events == size or len(grown.body) > max_bytes


@given(
    st.lists(st.fixed_dictionaries({"注文": st.text("aé注👩‍👩‍👧𠮷", max_size=5)}), min_size=1, max_size=20),
    FORMS,
    st.integers(1, 7),
)
def test_ingest_reads_from_the_bodies_what_stood_in_the_file(
    events: list[dict[str, str]], form: Form, size: int
) -> None:
    """The API's own reader finds each event at its place, also after many bytes per character."""
    lines = form is Form.NDJSON
    texts = [json.dumps(event, ensure_ascii=False) for event in events]
    data = ("\n".join(texts) if lines else "[" + " ,\n".join(texts) + "]").encode()
    seen = []
    for batch in split(items(io.BytesIO(data), form), form, size):
        request = split_request(batch.body, {"content-type": batch.content_type})
        assert request.many
        for item, part in zip(batch.items, request.parts, strict=True):
            assert batch.body[part.offset : part.offset + part.length] == item.data
            assert data[item.offset : item.offset + item.length] == item.data
            seen.append(part.value)
    assert seen == events


@given(st.lists(st.integers(1, 60), min_size=2, max_size=30))
def test_halves_hold_all_events_in_order(lengths: list[int]) -> None:
    batch = Batch(7, Form.NDJSON, tuple(make_items(lengths)))
    first, second = batch.halves()
    assert first.items + second.items == batch.items
    assert first.items
    assert second.items
    assert first.number == second.number == 7


@pytest.mark.parametrize(
    ("form", "body", "content_type"),
    [
        (Form.NDJSON, b"1\n2", "application/x-ndjson"),
        (Form.JSON, b"[1,2]", "application/json"),
        (Form.CLOUDEVENT, b"[1,2]", "application/cloudevents-batch+json"),
        (Form.CLOUDEVENTS, b"[1,2]", "application/cloudevents-batch+json"),
    ],
)
def test_each_form_has_its_body_and_its_media_type(form: Form, body: bytes, content_type: str) -> None:
    batch = Batch(0, form, tuple(make_items([1, 1])))
    assert (batch.body, batch.content_type) == (body, content_type)


def test_an_answer_with_another_number_of_results_is_none() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(outcomes(Batch(0, Form.NDJSON, tuple(make_items([1, 1]))), [{}]))
