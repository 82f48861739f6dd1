"""Findings as text: the catalogs agree, echoes are harmless, and the language is the reader's."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pik
from pik.domain.http.catalogs import CATALOGS, TYPE_NAMES
from pik.domain.http.messages import Language, pick_language, render
from pik.domain.shared.limits import MAX_ECHO_CHARS, MAX_RULE_CHARS

SOURCE = Path(pik.__file__).parents[1]
LANGUAGES: tuple[Language, ...] = ("en", "ja")
CODES = sorted(CATALOGS["en"])

PARAMETERS = {
    "malformed_json": {"detail"},
    "duplicate_member": {"member"},
    "not_a_number": {"literal"},
    "number_out_of_range": {"literal", "maximum"},
    "too_many_digits": {"digits", "maximum"},
    "too_many_values": {"maximum"},
    "too_many_request_values": {"maximum"},
    "too_many_bytes": {"member", "bytes", "maximum"},
    "lone_surrogate": set(),
    "invalid_utf8": {"offset"},
    "too_deep": {"maximum"},
    "empty_body": set(),
    "body_too_large": {"bytes", "maximum"},
    "event_too_large": {"bytes", "maximum"},
    "too_many_events": {"maximum"},
    "empty_batch": set(),
    "unsupported_media_type": {"given", "supported"},
    "broken_base64": set(),
    "unsupported_charset": {"given"},
    "unsupported_encoding": {"given", "supported"},
    "broken_encoding": {"detail", "encoding"},
    "damaged_encoding": {"encoding"},
    "unpacked_too_large": {"maximum"},
    "several_json_texts": {"supported"},
    "attributes_too_large": {"bytes", "maximum"},
    "no_envelope": {"expected", "type"},
    "no_envelope_nor_default": {"type"},
    "payload_not_json": {"type"},
    "payload_missing": {"type"},
    "not_an_object": {"given"},
    "missing_member": {"member"},
    "wrong_type": {"member", "expected"},
    "blank": {"member"},
    "too_long": {"member", "maximum"},
    "control_character": {"member"},
    "bad_time": {"given", "detail"},
    "time_without_offset": {"given"},
    "unsupported_specversion": {"given"},
    "missing_header": {"header"},
    "missing_entity": {"member"},
    "idempotency_conflict": {"first_seen"},
    "already_received": set(),
    "kept_unprocessed": set(),
    "all_rejected": {"count"},
    "unknown_type": {"given", "known"},
    "data_base64_not_json": set(),
    "unknown_webhook": {"given"},
    "missing_signature": {"member"},
    "malformed_signature": {"member"},
    "stale_signature": {"maximum"},
    "bad_signature": {"source"},
    "no_sns_message": set(),
    "unlisted_topic": {"given"},
    "foreign_url": {"given"},
    "unmapped_member": {"member", "expression", "given"},
    "unknown_route": {"given"},
    "unavailable": set(),
    "request_not_an_object": {"given"},
    "replay_without_scope": set(),
    "replay_with_two_scopes": set(),
    "unscoped_window": {"member"},
    "empty_window": {"start", "end"},
    "window_too_long": {"days", "maximum"},
    "broken_token": set(),
    "foreign_token": set(),
    "unknown_run": {"given"},
    "replay_sent": {"scanned", "count"},
    "replay_found_nothing": set(),
    "replay_read_nothing": set(),
    "replay_all_skipped": {"count", "detail"},
    "replay_all_limited": {"count"},
    "replay_partial": set(),
    "replay_failed": {"count"},
    "replay_stopped": {"detail"},
    "replay_limited": {"maximum"},
    "replay_dry_run": set(),
    "needs_force": {"minimum"},
    "needs_all": {"maximum"},
    "diffs_only_needs": {"member"},
    "not_of_action": {"action", "member"},
    "redrive_with_two_scopes": {"member"},
    "empty_transform": set(),
    "too_many_places": {"count", "maximum"},
    "bad_place": {"given"},
    "bad_jmespath": {"detail"},
    "unknown_manifest": {"given"},
    "unknown_rescue": {"given"},
    "unknown_redrive": {"given"},
    "run_is_over": {"given", "status"},
    "preview_causes_left_out": {"count"},
    "preview_matched": {"count", "read"},
    "preview_matched_nothing": {"read"},
    "preview_skipped": {"count", "detail"},
    "preview_young": {"count", "minimum", "at"},
    "preview_too_young": {"count", "at"},
    "preview_in_flight": {"count"},
    "preview_incomplete": set(),
    "preview_dry_run": set(),
    "redrive_running": {"count", "selected"},
    "redrive_moved": {"count", "selected"},
    "redrive_rescued": {"count", "selected"},
    "redrive_put_back": {"count", "selected"},
    "redrive_found_nothing": set(),
    "redrive_skipped": {"count", "detail"},
    "redrive_already_gone": {"count"},
    "redrive_failed": {"count"},
    "redrive_kept": {"count"},
    "redrive_unconfirmed": {"count"},
    "redrive_waiting": {"count"},
    "redrive_doubled": {"count"},
    "put_back_already": {"run", "count", "at"},
    "put_back_under_way": {"run"},
    "redrive_unchecked": {"count"},
    "redrive_stopped": {"detail"},
    "redrive_stopped_failing": {"detail", "failing", "redriven"},
    "redrive_stopped_undecided": {"undecided"},
    "redrive_stopped_late": set(),
    "redrive_stopped_unsent": set(),
    "redrive_broken": {"detail"},
    "redrive_abandoned": {"since"},
    "redrive_cancelling": set(),
    "redrive_cancelled": set(),
    "redrive_would": {"count", "read"},
    "redrive_dry_run": set(),
    "required": {"member"},
    "type": {"expected", "given"},
    "enum": {"allowed"},
    "const": {"allowed"},
    "min_length": {"minimum"},
    "max_length": {"maximum"},
    "max_graphemes": {"count", "maximum"},
    "minimum": {"minimum"},
    "maximum": {"maximum"},
    "exclusive_minimum": {"minimum"},
    "exclusive_maximum": {"maximum"},
    "pattern": {"pattern"},
    "format": {"format"},
    "min_items": {"minimum"},
    "max_items": {"maximum"},
    "unique_items": set(),
    "additional_properties": {"member"},
    "multiple_of": {"divisor"},
    "false_schema": set(),
    "other": {"detail"},
}


def parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalog_has_every_code_with_its_parameters(language: Language) -> None:
    assert {code: parameters(text) for code, text in CATALOGS[language].items()} == PARAMETERS


def test_there_are_two_catalogs_and_each_names_the_types_of_json() -> None:
    assert set(CATALOGS) == set(TYPE_NAMES) == set(LANGUAGES)
    assert set(TYPE_NAMES["en"]) == set(TYPE_NAMES["ja"])


NOTHING_TO_DO = {
    "already_received",
    "kept_unprocessed",
    *(code for code in CODES if code.startswith(("preview_", "redrive_", "replay_")) and "_with" not in code),
}  # they tell what became of an event, a replay or a redrive, not what is wrong


@pytest.mark.parametrize("code", sorted(set(CODES) - NOTHING_TO_DO))
def test_every_message_says_what_is_wrong_and_what_to_do(code: str) -> None:
    english, japanese = CATALOGS["en"][code], CATALOGS["ja"][code]
    assert english.count(". ") >= 1
    assert english.endswith(".")
    assert japanese.count("。") + japanese.count("？") >= 1
    assert "ください" in japanese


def problems_in_source() -> Iterator[tuple[str, str, set[str]]]:
    """Calls that make a finding with a code and parameters written out: place, code, names of the parameters."""
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            position = {"Problem": 1, "add": 1, "BadTime": 0, "_defect": 0}.get(name)
            if position is None or len(node.args) <= position or not isinstance(node.args[position], ast.Constant):
                continue
            given_names = {str(keyword.arg) for keyword in node.keywords}
            if name == "Problem" and len(node.args) == 3:
                if not isinstance(node.args[2], ast.Dict):
                    continue  # parameters built elsewhere
                given_names = {str(key.value) for key in node.args[2].keys if isinstance(key, ast.Constant)}
            yield f"{file.name}:{node.lineno}", str(node.args[position].value), given_names


def test_every_finding_that_the_kit_makes_has_a_message_for_its_parameters() -> None:
    made = list(problems_in_source())
    assert {code for _, code, _ in made} >= {"malformed_json", "empty_body", "unknown_type", "bad_time"} & set(CODES)
    assert [(place, code) for place, code, _ in made if code not in CODES] == []
    assert [(place, code) for place, code, names in made if code in CODES and not names >= PARAMETERS[code]] == []


def test_a_missing_member_in_both_languages() -> None:
    assert render("required", {"member": "orderId"}, "en") == 'The required member "orderId" is missing. Add it.'
    assert (
        render("required", {"member": "orderId"}, "ja") == "必須のメンバー「orderId」がありません。追加してください。"
    )


def test_a_message_that_is_too_long_says_so_as_a_japanese_reader_expects() -> None:
    text = render("max_graphemes", {"count": 4001, "maximum": 4000}, "ja")
    assert "長すぎます" in text
    assert "最大4000文字" in text
    assert "4001文字" in text


def test_a_number_out_of_bounds_is_to_be_sent_as_a_string() -> None:
    for code in ("too_many_digits", "number_out_of_range"):
        assert "end it as a string" in render(code, {"literal": "9" * 400, "digits": 400, "maximum": 100}, "en")
        assert "文字列として" in render(code, {"literal": "9" * 400, "digits": 400, "maximum": 100}, "ja")


@pytest.mark.parametrize(
    ("code", "params", "english", "japanese"),
    [
        (
            "type",
            {"expected": "null, string", "given": "integer"},
            "null or a string, but is an integer",
            "nullまたは文字列",
        ),
        ("wrong_type", {"member": "source", "expected": "string"}, "Send a string.", "文字列を送って"),
        ("wrong_type", {"member": "time", "expected": "RFC 3339 text"}, "Send RFC 3339 text.", "RFC 3339 textを送って"),
        ("not_an_object", {"given": "array"}, "but this is an array", "配列が送られました"),
        ("blank", {"member": "string"}, '"string" is blank', "「string」が空白"),
    ],
)
def test_names_of_types_are_words_of_the_language_and_other_values_are_not(
    code: str, params: Mapping[str, str | int], english: str, japanese: str
) -> None:
    assert english in render(code, params, "en")
    assert japanese in render(code, params, "ja")


@given(st.sampled_from(CODES), st.sampled_from(LANGUAGES), st.text(max_size=1000) | st.integers())
def test_whatever_was_sent_is_echoed_in_part_and_visibly(code: str, language: Language, value: str | int) -> None:
    names = PARAMETERS[code]
    text = render(code, dict.fromkeys(names, value), language)
    assert len(text) <= len(CATALOGS[language][code]) + sum(
        MAX_RULE_CHARS if name in {"allowed", "detail", "expected", "known", "pattern", "supported"} else MAX_ECHO_CHARS
        for name in names
    )
    hidden = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert hidden <= {"\u200c", "\u200d"}
    assert text.encode()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\x1b[31m", "a\\u000ab\\u001b[31m"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0061", "\\U000e0061"),
        ("全角\u3000空白", "全角\u3000空白"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("{member} {0.__class__}", "{member} {0.__class__}"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\n" * 80, "\\u000a" * 13 + "\\" + "…"),
    ],
)
def test_what_a_sender_wrote_is_shown_as_text(sent: str, shown: str) -> None:
    assert (
        render("blank", {"member": sent}, "en")
        == f'The member "{shown}" is blank. Give it at least one visible character.'
    )


def test_what_the_kit_lists_is_not_cut_at_the_length_of_an_echo() -> None:
    supported = (
        "application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json"
    )
    assert supported in render("unsupported_media_type", {"given": "text/xml", "supported": supported}, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_or_a_parameter_that_nobody_foresaw_still_gives_a_message(language: Language) -> None:
    assert "no_such_code" in render("no_such_code", {"member": "x"}, language)
    assert "?" in render("required", {}, language)


@pytest.mark.parametrize(
    ("accept_language", "preferred", "language"),
    [
        (None, None, "en"),
        ("", "", "en"),
        ("ja", None, "ja"),
        ("ja-JP", None, "ja"),
        ("JA_jp", None, "ja"),
        ("ja,en-US;q=0.9,en;q=0.8", None, "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", None, "en"),
        ("fr, ja;q=0.5", None, "ja"),
        ("fr", None, "en"),
        ("en;q=0.5, ja ; q=0.7", None, "ja"),
        ("en;q=0.5, ja;Q=1.000", None, "ja"),
        ("ja, en", None, "ja"),
        ("en, ja", None, "en"),
        ("*", None, "en"),
        ("fr, *;q=0.1", None, "en"),
        ("en;q=0, *", None, "ja"),
        ("ja;q=0.3, *;q=0.5", None, "en"),
        ("ja;q=0", None, "en"),
        ("en;q=0", None, "en"),
        ("ja;q=2", None, "en"),
        ("ja;q=nan", None, "en"),
        ("ja;level=1", None, "en"),
        ("jav", None, "en"),
        (";;,,=;q", None, "en"),
        ("x," * 30 + "ja", None, "en"),
        ("en", "ja-JP", "ja"),
        ("ja", "en-GB", "en"),
        ("ja", "fr", "ja"),
        (None, "ja", "ja"),
        (None, "日本語", "en"),
    ],
)
def test_the_events_own_wish_then_accept_language_then_english(
    accept_language: str | None, preferred: str | None, language: str
) -> None:
    assert pick_language(accept_language, preferred) == language


languages = st.text(max_size=60) | st.lists(
    st.sampled_from(["ja", "en", "ja-JP", "*", ",", ";", "q", "=", "0.5", "1", "-1", "nan", " ", "\n", "\ud800", "٣"])
).map("".join)


@given(st.none() | languages, st.none() | languages)
def test_picking_a_language_never_fails(accept_language: str | None, preferred: str | None) -> None:
    assert pick_language(accept_language, preferred) in LANGUAGES


@given(languages)
def test_an_event_that_says_its_language_is_answered_in_it(accept_language: str) -> None:
    assert pick_language(accept_language, "ja-JP") == "ja"
    assert pick_language(accept_language, "en-AU") == "en"
