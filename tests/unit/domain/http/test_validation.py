"""The registry of schemas: findings with exact places, codes and parameters, and bounds on what a payload can buy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared import limits
from pik.domain.shared.problems import Problem
from pik.schemas import load_schemas


def found(schema: Mapping[str, Any], payload: Any, base: str = "/payload") -> list[Problem]:
    return SchemaRegistry({"thing": schema}, allow_unknown=False).problems("thing", payload, base)


def member(**rules: Any) -> dict[str, Any]:
    return {"properties": {"a": rules}}


@pytest.fixture
def packaged() -> SchemaRegistry:
    return SchemaRegistry(load_schemas(), allow_unknown=False)


def test_a_valid_order_has_no_problems(packaged: SchemaRegistry) -> None:
    assert packaged.problems("order", {"orderId": "test-001", "amount": 99.99}) == []


def test_each_missing_member_is_reported_at_its_own_place(packaged: SchemaRegistry) -> None:
    assert packaged.problems("order", {"invalidField": "value"}) == [
        Problem("/payload/amount", "required", {"member": "amount"}),
        Problem("/payload/orderId", "required", {"member": "orderId"}),
    ]


def test_a_missing_member_deep_inside_is_reported_there(packaged: SchemaRegistry) -> None:
    payload = {"message": "hi", "history": [{"role": "user", "content": "x"}, {"role": "user"}]}
    assert packaged.problems("chat.message", payload) == [
        Problem("/payload/history/1/content", "required", {"member": "content"})
    ]


def test_the_business_limit_stays_reachable_and_nonsense_does_not(packaged: SchemaRegistry) -> None:
    assert packaged.problems("order", {"orderId": "o", "amount": 1_000_001}) == []
    assert packaged.problems("order", {"orderId": "o", "amount": 10**12}) == []
    too_much = packaged.problems("order", {"orderId": "o", "amount": 10**12 + 1})
    assert too_much == [Problem("/payload/amount", "maximum", {"maximum": 10**12})]


def test_a_message_of_4000_characters_passes_and_one_more_does_not(packaged: SchemaRegistry) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
    for char in ("A", "あ", "\U0001f389", "\U00020bb7", "e\u0301", "\U0001f1ef\U0001f1f5", family):
        assert packaged.problems("chat.message", {"message": char * 4000}) == []
        assert packaged.problems("chat.message", {"message": char * 4001}) == [
            Problem("/payload/message", "max_graphemes", {"count": 4001, "maximum": 4000})
        ]


def test_the_count_of_a_message_that_is_too_long_is_exact(packaged: SchemaRegistry) -> None:
    (problem,) = packaged.problems("chat.message", {"message": "\U0001f389" * 12_345})
    assert problem.params == {"count": 12_345, "maximum": 4000}


def test_one_character_of_endless_marks_is_refused_by_its_code_points(packaged: SchemaRegistry) -> None:
    assert packaged.problems("chat.message", {"message": "e" + "\u0301" * 100_000}) == [
        Problem("/payload/message", "max_length", {"maximum": 64_000})
    ]


@pytest.mark.parametrize(
    ("schema", "payload", "code", "params"),
    [
        (member(type="string"), {"a": 1}, "type", {"expected": "string", "given": "integer"}),
        (member(type="string"), {"a": True}, "type", {"expected": "string", "given": "boolean"}),
        (member(type="string"), {"a": 1.5}, "type", {"expected": "string", "given": "number"}),
        (member(type="string"), {"a": None}, "type", {"expected": "string", "given": "null"}),
        (member(type="string"), {"a": []}, "type", {"expected": "string", "given": "array"}),
        (member(type="string"), {"a": {}}, "type", {"expected": "string", "given": "object"}),
        (member(type=["string", "null"]), {"a": 1}, "type", {"expected": "null, string", "given": "integer"}),
        (member(type="integer"), {"a": "1"}, "type", {"expected": "integer", "given": "string"}),
        (member(enum=[1, "x", "日本"]), {"a": 2}, "enum", {"allowed": '1, "x", "日本"'}),
        (member(const={"b": None}), {"a": 2}, "const", {"allowed": '{"b":null}'}),
        (member(minLength=2), {"a": "x"}, "min_length", {"minimum": 2}),
        (member(maxLength=2), {"a": "xxx"}, "max_length", {"maximum": 2}),
        (member(maxGraphemes=2), {"a": "あいう"}, "max_graphemes", {"count": 3, "maximum": 2}),
        (member(minimum=0), {"a": -1}, "minimum", {"minimum": 0}),
        (member(minimum=0.5), {"a": 0}, "minimum", {"minimum": "0.5"}),
        (member(maximum=1e12), {"a": 2e12}, "maximum", {"maximum": 10**12}),
        (member(maximum=5), {"a": 2**53 - 1}, "maximum", {"maximum": 5}),
        (member(exclusiveMinimum=0), {"a": 0}, "exclusive_minimum", {"minimum": 0}),
        (member(exclusiveMaximum=0), {"a": 0}, "exclusive_maximum", {"maximum": 0}),
        (member(multipleOf=5), {"a": 7}, "multiple_of", {"divisor": 5}),
        (member(pattern="^a$"), {"a": "a\n"}, "pattern", {"pattern": "^a$"}),
        (member(format="date"), {"a": "2026-02-30"}, "format", {"format": "date"}),
        (member(minItems=1), {"a": []}, "min_items", {"minimum": 1}),
        (member(maxItems=1), {"a": [1, 2]}, "max_items", {"maximum": 1}),
        (member(uniqueItems=True), {"a": [1, 1.0]}, "unique_items", {}),
        ({"properties": {"a": False}}, {"a": 1}, "false_schema", {}),
    ],
)
def test_each_keyword_has_its_code_and_what_a_message_needs(
    schema: Mapping[str, Any], payload: Any, code: str, params: Mapping[str, str | int]
) -> None:
    assert found(schema, payload) == [Problem("/payload/a", code, params)]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": True}, "additionalProperties": False},
        {"properties": {"a": True}, "unevaluatedProperties": False},
    ],
)
def test_each_member_too_many_is_reported_at_its_own_place(schema: Mapping[str, Any]) -> None:
    assert found(schema, {"z": 1, "a": 1, "b/c": 1}) == [
        Problem("/payload/b~1c", "additional_properties", {"member": "b/c"}),
        Problem("/payload/z", "additional_properties", {"member": "z"}),
    ]


def test_an_object_that_allows_no_members_reports_each_of_them() -> None:
    assert found(member(additionalProperties=False), {"a": {"x": 1, "y": 2}}) == [
        Problem("/payload/a/x", "additional_properties", {"member": "x"}),
        Problem("/payload/a/y", "additional_properties", {"member": "y"}),
    ]


@pytest.mark.parametrize("keyword", [{"anyOf": [{"type": "string"}]}, {"not": {}}, {"minProperties": 2}])
def test_a_keyword_without_a_code_of_its_own_is_described_without_the_value(keyword: Mapping[str, Any]) -> None:
    (problem,) = found(keyword, {"secret": "hunter2"})
    assert (problem.path, problem.code) == ("/payload", "other")
    assert "the value" in str(problem.params["detail"])
    assert "hunter2" not in str(problem.params["detail"])


def test_pointers_are_escaped() -> None:
    schema = {"properties": {"a/b~c": {"items": {"type": "string"}}}}
    assert [problem.path for problem in found(schema, {"a/b~c": [1]})] == ["/payload/a~1b~0c/0"]


def test_problems_come_in_the_order_of_their_places_with_numbers_as_numbers() -> None:
    schema = {"properties": {"list": {"items": {"type": "string"}}, "also": {"type": "string"}}}
    payload = {"list": [1 if index in {2, 10} else "" for index in range(11)], "also": 1}
    assert [problem.path for problem in found(schema, payload)] == [
        "/payload/also",
        "/payload/list/2",
        "/payload/list/10",
    ]


def test_the_base_is_put_before_every_path() -> None:
    assert [problem.path for problem in found(member(type="string"), {"a": 1}, base="/3/data")] == ["/3/data/a"]
    assert [problem.path for problem in found(member(type="string"), {"a": 1}, base="")] == ["/a"]


def test_a_wrong_value_at_the_root_of_a_body_is_in_the_body() -> None:
    assert found({"type": "object"}, [], base="") == [Problem("body", "type", {"expected": "object", "given": "array"})]


def test_the_same_finding_of_two_subschemas_is_reported_once() -> None:
    assert found({"allOf": [{"required": ["a"]}, {"required": ["a", "b"]}]}, {}) == [
        Problem("/payload/a", "required", {"member": "a"}),
        Problem("/payload/b", "required", {"member": "b"}),
    ]


def test_no_more_problems_than_the_limit_and_those_are_the_first() -> None:
    problems = found({"items": {"type": "string"}}, [0] * 100, base="")
    assert [problem.path for problem in problems] == [f"/{index}" for index in range(limits.MAX_ERRORS_PER_EVENT)]


def test_a_payload_of_up_to_500_values_is_diagnosed_in_full_and_a_larger_one_to_its_first_finding() -> None:
    schema = {"required": ["missing"], "properties": {"list": {"items": {"type": "string"}}}}
    in_full = found(schema, {"list": [0] * (limits.MAX_DIAGNOSED_VALUES - 1)})
    assert len(in_full) == limits.MAX_ERRORS_PER_EVENT
    (first,) = found(schema, {"list": [0] * limits.MAX_DIAGNOSED_VALUES})
    assert first in [*in_full, Problem("/payload/missing", "required", {"member": "missing"})]


def test_values_are_counted_at_every_depth() -> None:
    schema = {"items": {"items": {"type": "string"}}}
    rows = [[0] * 49] * 10  # 10 rows and 490 cells
    assert len(found(schema, rows)) == limits.MAX_ERRORS_PER_EVENT
    assert len(found(schema, [*rows, []])) == 1


def test_a_payload_as_deep_as_the_parser_lets_through_is_judged() -> None:
    schema = {
        "$defs": {"node": {"properties": {"a": {"$ref": "#/$defs/node"}}, "type": "object"}},
        "$ref": "#/$defs/node",
    }
    payload: Any = 1
    for _ in range(limits.MAX_NESTING):
        payload = {"a": payload}
    assert [problem.path for problem in found(schema, payload)] == ["/payload" + "/a" * limits.MAX_NESTING]


def test_an_unknown_type_is_accepted_as_it_is_or_refused_by_name() -> None:
    schemas = {"order": {"type": "object"}, "heartbeat": {"type": "object"}}
    assert SchemaRegistry(schemas, allow_unknown=True).problems("click", "anything") == []
    refused = SchemaRegistry(schemas, allow_unknown=False).problems("click", {}, "/2/payload")
    assert refused == [Problem("/event_type", "unknown_type", {"given": "click", "known": "heartbeat, order"})]


def test_known_types_are_sorted(packaged: SchemaRegistry) -> None:
    assert packaged.known_types == ("catalog.item", "chat.message", "heartbeat", "order", "refund")


@pytest.mark.parametrize(
    ("payload", "entity"),
    [
        ({"id": "customer-17"}, "customer-17"),
        ({"id": "\U00020bb7田"}, "\U00020bb7田"),
        ({"id": " "}, " "),
        ({"id": 17}, "17"),
        ({"id": 0}, "0"),
        ({"id": ""}, None),
        ({"id": True}, None),
        ({"id": 17.0}, None),
        ({"id": None}, None),
        ({"id": ["x"]}, None),
        ({"other": "x"}, None),
        ([], None),
        ("id", None),
        (None, None),
    ],
)
def test_the_schema_says_which_member_is_the_entity(payload: Any, entity: str | None) -> None:
    registry = SchemaRegistry({"thing": {"x-pik-entity": "id"}}, allow_unknown=True)
    assert registry.entity_of("thing", payload) == entity


def test_no_schema_or_none_that_says_so_means_no_entity() -> None:
    registry = SchemaRegistry({"thing": {}}, allow_unknown=True)
    assert registry.entity_of("thing", {"id": "x"}) is None
    assert registry.entity_of("other", {"id": "x"}) is None
    assert registry.entity_member("thing") is None
    assert registry.entity_member("other") is None


def test_the_packaged_types_name_their_entities(packaged: SchemaRegistry) -> None:
    assert {name: packaged.entity_member(name) for name in packaged.known_types} == {
        "catalog.item": "itemId",
        "chat.message": "sessionId",
        "heartbeat": "deviceId",
        "refund": "orderId",
        "order": "orderId",
    }


def test_a_validator_is_built_at_first_need_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = jsonschema_rs.Draft202012Validator

    def build(schema: dict[str, Any], **options: Any) -> jsonschema_rs.Validator:
        built.append(schema["title"])
        return real(schema, **options)

    monkeypatch.setattr(jsonschema_rs, "Draft202012Validator", build)
    registry = SchemaRegistry(load_schemas(), allow_unknown=True)
    registry.entity_of("order", {"orderId": "o"})
    assert built == []
    for payload in ({"orderId": "o", "amount": 1}, {}, []):
        registry.problems("order", payload)
    assert built == ["Order"]
    registry.problems("heartbeat", {"deviceId": "d"})
    assert built == ["Order", "Heartbeat"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        member(format="datetime"),
        member(pattern="(?=a)a"),
        member(maxGraphemes=-1),
        member(maxGraphemes="4000"),
        member(maxGraphemes=True),
    ],
    ids=["no type", "no format", "look-ahead", "negative", "text", "boolean"],
)
def test_a_schema_that_cannot_be_held_to_is_refused(schema: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        found(schema, {"a": "x"})


def test_a_reference_to_elsewhere_is_refused_and_not_fetched() -> None:
    with pytest.raises(ValueError, match="Retrieval is disabled"):
        found({"$ref": "https://example.com/elsewhere.json"}, {})


def test_a_hostile_text_does_not_make_a_pattern_backtrack() -> None:
    assert found(member(pattern="^(a+)+$"), {"a": "a" * 100_000 + "!"}) == [
        Problem("/payload/a", "pattern", {"pattern": "^(a+)+$"})
    ]
