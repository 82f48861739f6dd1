"""The packaged schemas: sound, documented, and judged alike by two independent validators."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pik.schemas
from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.limits import MAX_DIAGNOSED_VALUES, MAX_ERRORS_PER_EVENT, MAX_SAFE_INTEGER
from pik.domain.shared.problems import pointer
from pik.schemas import load_schemas

SCHEMAS = load_schemas()
TYPES = sorted(SCHEMAS)
REGISTRY = SchemaRegistry(SCHEMAS, allow_unknown=False)

CODES = {"maxGraphemes": "max_graphemes", "minLength": "min_length", "maxLength": "max_length", "maxItems": "max_items"}
CODES |= {"uniqueItems": "unique_items"}


# --- the second opinion -----------------------------------------------------------------------------------------------
def _max_graphemes(validator: Any, maximum: int, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    if validator.is_type(instance, "string") and len(regex.findall(r"\X", instance)) > maximum:
        yield jsonschema.ValidationError("too many graphemes")


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # Python's $ also matches before a last line end; that of JSON Schema (ECMA-262) does not
    if validator.is_type(instance, "string") and not re.search(pattern.replace("$", r"\Z"), instance):
        yield jsonschema.ValidationError("no match")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # the library sorts and compares neighbours, and misses equal elements where false and 0 lie between them
    if unique and isinstance(instance, list) and len({canonical_json(item) for item in instance}) < len(instance):
        yield jsonschema.ValidationError("equal elements")


Second = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"maxGraphemes": _max_graphemes, "pattern": _pattern, "uniqueItems": _unique_items}
)


def second_opinion(event_type: str, payload: Any) -> set[tuple[str, str]]:
    """Path and code of everything that the library `jsonschema` finds."""
    found = set()
    for error in Second(SCHEMAS[event_type]).iter_errors(payload):
        place = pointer(*error.absolute_path)
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            found |= {(place + pointer(name), "required") for name in missing}
        else:
            found.add((place, CODES.get(str(error.validator), str(error.validator))))
    return found


# --- payloads around the bounds of a schema ---------------------------------------------------------------------------
CHARS = ["A", "あ", "\U0001f389", "\U00020bb7", "e\u0301", "\U0001f468\u200d\U0001f466", "\r\n"]
numbers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


Payloads = Callable[[Mapping[str, Any]], st.SearchStrategy[Any]]


def around(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema is likely to accept or only just to refuse, and now and then anything at all."""
    return st.one_of(_near(schema), _near(schema), _near(schema), anything)


def _near(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], "", "USER"])
    match schema["type"]:
        case "string":
            return _strings(schema)
        case "number" | "integer":
            edges = [schema[name] for name in ("minimum", "maximum") if name in schema]
            near = [edge + step for edge in edges for step in (-1, 0, 1)]
            return st.sampled_from([*near, *map(float, near), 1.5, -0.0]) | numbers
        case "array":
            lengths = st.sampled_from([schema["maxItems"] + step for step in (-1, 0, 1)])
            short = st.lists(around(schema["items"]), max_size=4)
            return short | st.builds(lambda items, length: (items * length)[:length], short.filter(len), lengths)
        case _:
            members = {name: around(rules) for name, rules in schema["properties"].items()}
            required = {name: members.pop(name) for name in schema.get("required", []) if name in members}
            whole = st.fixed_dictionaries(required, optional={**members, "extra": anything})
            return whole | st.builds(
                lambda value, name: {k: v for k, v in value.items() if k != name},
                whole,
                st.sampled_from([*required, "extra"]),
            )


def one_changed(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """An example of the schema with one member replaced, so that a good part of the payloads is valid."""
    change = st.one_of([st.fixed_dictionaries({name: around(rules)}) for name, rules in schema["properties"].items()])
    return st.builds(lambda example, members: {**example, **members}, st.sampled_from(schema["examples"]), change)


def _strings(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    bounds = [schema[name] for name in ("minLength", "maxLength", "maxGraphemes") if name in schema]
    lengths = sorted({max(0, bound + step) for bound in bounds for step in (-1, 0, 1)})
    # the longest strings are of plain letters: the second opinion takes its time over clusters
    pairs = [(char, length) for char in CHARS for length in lengths or [1] if length <= 4001 or char in "Aあ"]
    edges = st.sampled_from(pairs).map(lambda pair: pair[0] * pair[1])
    marked = st.sampled_from(["JPY", "jpy", "JPY\n", "EURO", "ja", "ja-JP", "ja_JP", "ja-", "zh-Hant-TW", "日本語"])
    return edges | marked | st.text(max_size=12)


@pytest.mark.parametrize("payloads", [around, one_changed])
@pytest.mark.parametrize("event_type", TYPES)
def test_two_validators_find_the_same_faults_at_the_same_places(event_type: str, payloads: Payloads) -> None:
    seen = Counter[bool]()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(payloads(SCHEMAS[event_type]))
    def judge(payload: Any) -> None:
        expected = second_opinion(event_type, payload)
        problems = {(problem.path, problem.code) for problem in REGISTRY.problems(event_type, payload, base="")}
        problems = {("" if path == "body" else path, code) for path, code in problems}
        seen[bool(expected)] += 1
        assert bool(problems) == bool(expected)
        assert problems <= expected
        if len(expected) <= MAX_ERRORS_PER_EVENT and _size(payload) <= MAX_DIAGNOSED_VALUES:
            assert problems == expected

    judge()
    assert seen[True] >= 10
    assert payloads is around or seen[False] >= 10, "hardly a payload was valid, so the comparison says little"


def _size(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return len(children) + sum(map(_size, children))


# --- what every packaged schema keeps to ------------------------------------------------------------------------------
def _subschemas(schema: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield place, schema
    for name, rules in schema.get("properties", {}).items():
        yield from _subschemas(rules, f"{place}/{name}")
    if "items" in schema:
        yield from _subschemas(schema["items"], f"{place}/*")


def test_the_event_types_are_the_names_of_the_files() -> None:
    folder = Path(pik.schemas.__file__).parent
    assert sorted(file.name[: -len(".json")] for file in folder.glob("*.json")) == TYPES
    assert TYPES == ["catalog.item", "chat.message", "heartbeat", "order", "refund"]


def test_each_call_loads_schemas_of_its_own() -> None:
    load_schemas()["order"].clear()
    assert load_schemas()["order"] == SCHEMAS["order"]


@pytest.mark.parametrize("event_type", TYPES)
def test_a_schema_is_valid_2020_12_and_says_what_it_is(event_type: str) -> None:
    schema = SCHEMAS[event_type]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:pipeline-investigation-kit:schema:{event_type}"
    assert schema["title"]
    assert [place for place, rules in _subschemas(schema) if not rules.get("description")] == []


@pytest.mark.parametrize("event_type", TYPES)
def test_every_string_and_array_is_bounded(event_type: str) -> None:
    kinds = {"string": "maxLength", "array": "maxItems"}
    unbounded = [
        place
        for place, rules in _subschemas(SCHEMAS[event_type])
        if rules.get("type") in kinds and kinds[rules["type"]] not in rules and "pattern" not in rules
    ]
    assert unbounded == []


@pytest.mark.parametrize("event_type", TYPES)
def test_the_coarse_bound_never_refuses_what_the_graphemes_allow(event_type: str) -> None:
    longest = 10  # code points of the longest emoji in general use: two people of different skin tones kissing
    bounds = [rules for _, rules in _subschemas(SCHEMAS[event_type]) if "maxGraphemes" in rules]
    assert [rules for rules in bounds if rules["maxLength"] < longest * rules["maxGraphemes"]] == []


@pytest.mark.parametrize("event_type", TYPES)
def test_its_examples_are_valid_and_show_every_member(event_type: str) -> None:
    schema = SCHEMAS[event_type]
    assert [REGISTRY.problems(event_type, example) for example in schema["examples"]] == [[]] * len(schema["examples"])
    assert {name for example in schema["examples"] for name in example} >= set(schema["properties"])
    assert set(schema["examples"][0]) == set(schema["required"]), "the first example is the smallest event"


@pytest.mark.parametrize("event_type", TYPES)
def test_its_entity_is_a_string_member_that_fits_a_key(event_type: str) -> None:
    schema = SCHEMAS[event_type]
    rules = schema["properties"][schema["x-pik-entity"]]
    assert (rules["type"], rules["minLength"], rules["maxLength"]) == ("string", 1, 128)


def test_members_that_a_schema_does_not_name_are_kept() -> None:
    smallest = {event_type: SCHEMAS[event_type]["examples"][0] for event_type in TYPES}
    extended = {event_type: {**payload, "brandNew": {"deep": [1, None]}} for event_type, payload in smallest.items()}
    assert [REGISTRY.problems(event_type, payload) for event_type, payload in extended.items()] == [[]] * len(TYPES)


def test_an_order_needs_its_number_and_its_amount_and_a_message_its_text() -> None:
    assert {event_type: SCHEMAS[event_type]["required"] for event_type in TYPES} == {
        "catalog.item": ["itemId", "title"],
        "chat.message": ["message"],
        "heartbeat": ["deviceId"],
        "refund": ["orderId", "amount"],
        "order": ["orderId", "amount"],
    }


def test_a_history_holds_at_most_100_turns_of_two_speakers() -> None:
    turn = {"role": "user", "content": "はい"}
    assert REGISTRY.problems("chat.message", {"message": "x", "history": [turn] * 100}) == []
    found = REGISTRY.problems("chat.message", {"message": "x", "history": [turn] * 101})
    assert [(problem.path, problem.code) for problem in found] == [("/payload/history", "max_items")]
    found = REGISTRY.problems("chat.message", {"message": "x", "history": [turn | {"role": "system"}]})
    assert [(problem.path, problem.code) for problem in found] == [("/payload/history/0/role", "enum")]


ORDER = {"orderId": "o", "amount": 1}
ITEM = {"itemId": "i", "title": "t"}


@pytest.mark.parametrize(
    ("event_type", "payload", "faults"),
    [
        ("order", ORDER | {"amount": 0}, []),
        ("order", ORDER | {"amount": -0.01}, [("/amount", "minimum")]),
        ("order", ORDER | {"amount": "42.50"}, [("/amount", "type")]),
        ("order", ORDER | {"amount": True}, [("/amount", "type")]),
        ("order", ORDER | {"orderId": "𠮷" * 128}, []),
        ("order", ORDER | {"orderId": "𠮷" * 129}, [("/orderId", "max_length")]),
        ("order", ORDER | {"orderId": ""}, [("/orderId", "min_length")]),
        ("order", ORDER | {"orderId": 17}, [("/orderId", "type")]),
        ("order", ORDER | {"currency": "JPY"}, []),
        ("order", ORDER | {"currency": "yen"}, [("/currency", "pattern")]),
        ("order", ORDER | {"currency": "JPYX"}, [("/currency", "pattern")]),
        ("order", ORDER | {"items": [{"quantity": 1.5}]}, [("/items/0/quantity", "type")]),
        ("order", ORDER | {"items": [{}] * 1001}, [("/items", "max_items")]),
        ("heartbeat", {}, [("/deviceId", "required")]),
        ("refund", {"orderId": "o", "amount": -1}, [("/amount", "minimum")]),
        ("heartbeat", {"deviceId": "d", "uptimeSeconds": -1}, [("/uptimeSeconds", "minimum")]),
        ("chat.message", {"message": ""}, [("/message", "min_length")]),
        ("chat.message", {"message": "x", "preferredLanguage": "zh-Hant-TW"}, []),
        ("chat.message", {"message": "x", "preferredLanguage": "ja_JP"}, [("/preferredLanguage", "pattern")]),
        ("catalog.item", ITEM | {"titleJp": "葛\U000e0100" * 300, "synopsis": "か\u3099" * 2000}, []),
        ("catalog.item", ITEM | {"title": "あ" * 301}, [("/title", "max_graphemes")]),
        ("catalog.item", ITEM | {"synopsis": "\U0001f389" * 2001}, [("/synopsis", "max_graphemes")]),
        ("catalog.item", ITEM | {"tags": ["日常", "日常"]}, [("/tags", "unique_items")]),
        ("catalog.item", ITEM | {"price": -1}, [("/price", "minimum")]),
    ],
)
def test_what_each_type_accepts_and_refuses(
    event_type: str, payload: Mapping[str, Any], faults: list[tuple[str, str]]
) -> None:
    found = REGISTRY.problems(event_type, payload, base="")
    assert [(problem.path, problem.code) for problem in found] == faults


def test_the_page_on_event_types_lists_every_annotation_that_the_packaged_schemas_use() -> None:
    page = (Path(__file__).parents[2] / "docs" / "event-types.md").read_text("utf-8")
    used = {name for schema in load_schemas().values() for name in schema if name.startswith("x-pik-")}
    assert used == {"x-pik-entity", "x-pik-amount", "x-pik-volatile", "x-pik-identity"}
    assert all(f"| `{name}` |" in page for name in used)
