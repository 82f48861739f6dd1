"""The texts of all findings by language. A new code goes into every catalog, with the same parameters in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["en", "ja"]

_ENGLISH: Final[Mapping[str, str]] = {
    # the body and its JSON
    "malformed_json": "This is not valid JSON: {detail}. Correct that place and send it again.",
    "duplicate_member": 'The member "{member}" stands more than once in one object. Send each member once.',
    "not_a_number": "{literal} is not a number in JSON. Send a finite number, or null in its place.",
    "number_out_of_range": "The number {literal} is too large for a double-precision number. "
    "Send a smaller one, or send it as a string.",
    "integer_too_large": "The integer {literal} lies beyond 9007199254740991 (2^53 - 1), where readers of JSON start "
    "to round. Send it as a string.",
    "lone_surrogate": "The text holds half of a surrogate pair, which is no character. Send both halves, or remove it.",
    "invalid_utf8": "The text is not valid UTF-8 at byte {offset}. Encode it as UTF-8.",
    "too_deep": "Arrays and objects are nested more than {maximum} levels deep. Send a flatter value.",
    "empty_body": "The body is empty. Send an event as JSON.",
    "body_too_large": "The body has {bytes} bytes; at most {maximum} are accepted. Send it in smaller requests.",
    "event_too_large": "The event has {bytes} bytes; at most {maximum} are accepted. "
    "Store its large part elsewhere and send a reference.",
    "too_many_events": "The request holds {count} events; at most {maximum} are accepted. "
    "Split it into several requests.",
    "empty_batch": "The batch holds no event. Send at least one.",
    "unsupported_media_type": 'The content type "{given}" is not supported. Send one of: {supported}.',
    "broken_base64": "This is not valid base64. Encode the bytes in the standard alphabet, with padding.",
    # the envelope
    "not_an_object": "An event must be a JSON object, but this is {given}. Send an object.",
    "missing_member": 'The member "{member}" is missing. Add it.',
    "wrong_type": 'The member "{member}" has the wrong type. Send {expected}.',
    "blank": 'The member "{member}" is blank. Give it at least one visible character.',
    "too_long": 'The member "{member}" is too long. Send at most {maximum} characters.',
    "control_character": 'The member "{member}" holds a control character. Remove it.',
    "bad_time": '"{given}" is not a valid time: {detail}. Send an RFC 3339 time with an offset.',
    "time_without_offset": 'The time "{given}" does not say its offset from UTC. Add Z, or an offset such as +09:00.',
    "unsupported_specversion": 'Version "{given}" of CloudEvents is not supported. Send specversion "1.0".',
    "missing_header": 'The header "{header}" is missing. Add it.',
    "missing_entity": 'Nothing says which entity this event belongs to. Set "{member}".',
    "unknown_type": 'The event type "{given}" is not known here. Use one of: {known}.',
    "data_base64_not_json": "The bytes in data_base64 are not JSON. Send JSON text, encoded as base64.",
    # the request as a whole
    "idempotency_conflict": "An event with this idempotency key and a different payload was first seen at "
    "{first_seen}. Use a new key for a new event.",
    "already_received": "This event was received before. Nothing more will happen for it.",
    "kept_unprocessed": "It was kept as it came. It is not processed.",
    "all_rejected": "All events of the request were rejected ({count}). "
    "Correct the errors listed with each and send them again.",
    "unknown_route": "There is nothing at {given}. Check the method and the path.",
    "unavailable": "This could not be done just now. Send the same request again in a moment.",
    # replay
    "request_not_an_object": "A request must be a JSON object, but this is {given}. Send an object.",
    "replay_without_scope": "Nothing says which events to replay. Send entity_id, or source and event_type.",
    "replay_with_two_scopes": "A replay is of an entity, or of a source and an event type. Send one of the two.",
    "unscoped_window": 'The window has no "{member}". Send both start_time and end_time.',
    "empty_window": "The window is empty: start_time {start} is not before end_time {end}. Correct them.",
    "window_too_long": "The window touches {days} days; at most {maximum} are allowed for a source. "
    "Replay it in several parts.",
    "broken_token": "The token cannot be read. Send next_token as it was answered, or leave it out to begin anew.",
    "foreign_token": "The token belongs to a replay with other filters. "
    "Send the filters that it was answered to, or leave it out to begin anew.",
    "unknown_run": 'There is no replay "{given}". Check the run_id; a dry run is not recorded.',
    "replay_sent": "Of {scanned} rows that were read, {count} went to the queue.",
    "replay_found_nothing": "Nothing was sent: the window holds no event of this scope. "
    "Event times count, not arrival; names are case-sensitive.",
    "replay_read_nothing": "Nothing was sent: no row was read yet.",
    "replay_all_skipped": "Nothing was sent: each of the {count} rows that were read has a reason ({detail}).",
    "replay_all_limited": "Nothing was sent: the limit had been reached before the {count} rows that were read.",
    "replay_partial": "More remains: send the same request with next_token.",
    "replay_failed": "{count} messages did not reach the queue: send the same request with next_token in a moment.",
    "replay_stopped": "Reading stopped early ({detail}): send the same request with next_token in a moment.",
    "replay_limited": "The limit of {maximum} was reached; the window may hold more.",
    "replay_dry_run": "This was a dry run: nothing was sent or recorded, the counts say what would have been.",
    # keywords of JSON Schema
    "required": 'The required member "{member}" is missing. Add it.',
    "type": "The value must be {expected}, but is {given}. Change its type.",
    "enum": "The value is not one of those allowed. Use one of: {allowed}.",
    "const": "The value is not the one that is allowed. Send {allowed}.",
    "min_length": "The text is too short (minimum length: {minimum}). Send a longer one.",
    "max_length": "The text is too long (maximum length: {maximum} code points). Shorten it.",
    "max_graphemes": "The text is too long: it has {count} characters, and at most {maximum} are allowed. Shorten it.",
    "minimum": "The number is too small (minimum: {minimum}). Send a larger one.",
    "maximum": "The number is too large (maximum: {maximum}). Send a smaller one.",
    "exclusive_minimum": "The number is too small (it must be above {minimum}). Send a larger one.",
    "exclusive_maximum": "The number is too large (it must be below {maximum}). Send a smaller one.",
    "pattern": "The text does not have the required form. Send one that matches {pattern}.",
    "format": 'The text does not have the format "{format}". Correct it.',
    "min_items": "The array has too few elements (minimum: {minimum}). Add some.",
    "max_items": "The array has too many elements (maximum: {maximum}). Remove some.",
    "unique_items": "The array holds the same element more than once. Send each element once.",
    "additional_properties": 'The member "{member}" is not allowed here. Remove it.',
    "multiple_of": "The number is not a multiple of {divisor}. Round it to one.",
    "false_schema": "No value is allowed here. Remove it.",
    "other": "The value breaks a rule: {detail}. Correct it.",
}

_JAPANESE: Final[Mapping[str, str]] = {
    # the body and its JSON
    "malformed_json": "JSONとして読み取れません（{detail}）。その箇所を直して送り直してください。",
    "duplicate_member": "同じオブジェクトにメンバー「{member}」が二つ以上あります。一度だけ書いてください。",
    "not_a_number": "{literal} はJSONの数値ではありません。有限の数値か、代わりにnullを送ってください。",
    "number_out_of_range": "数値 {literal} は倍精度浮動小数点数の範囲を超えています。"
    "小さい数値にするか、文字列として送ってください。",
    "integer_too_large": "整数 {literal} は 9007199254740991（2^53 - 1）の範囲を超えており、"
    "正確に読み取れない場合があります。文字列として送ってください。",
    "lone_surrogate": "サロゲートペアの片方だけが含まれており、文字になりません。両方を送るか、取り除いてください。",
    "invalid_utf8": "{offset} バイト目がUTF-8として正しくありません。UTF-8で送ってください。",
    "too_deep": "配列とオブジェクトの入れ子が {maximum} 段を超えています。入れ子を浅くしてください。",
    "empty_body": "本文が空です。イベントをJSONで送ってください。",
    "body_too_large": "本文が {bytes} バイトあります（最大 {maximum} バイト）。小さく分けて送ってください。",
    "event_too_large": "イベントが {bytes} バイトあります（最大 {maximum} バイト）。"
    "大きな部分は別の場所に保存し、参照を送ってください。",
    "too_many_events": "イベントが {count} 件あります（最大 {maximum} 件）。複数のリクエストに分けてください。",
    "empty_batch": "バッチにイベントがありません。一件以上送ってください。",
    "unsupported_media_type": "Content-Type「{given}」には対応していません。次のいずれかで送ってください: {supported}",
    "broken_base64": "base64として正しくありません。標準の文字とパディングで符号化してください。",
    # the envelope
    "not_an_object": "イベントはJSONオブジェクトでなければなりませんが、{given}が送られました。"
    "オブジェクトを送ってください。",
    "missing_member": "メンバー「{member}」がありません。追加してください。",
    "wrong_type": "メンバー「{member}」の型が違います。{expected}を送ってください。",
    "blank": "メンバー「{member}」が空白です。目に見える文字を一つ以上入れてください。",
    "too_long": "メンバー「{member}」が長すぎます（最大{maximum}文字）。短くしてください。",
    "control_character": "メンバー「{member}」に制御文字が含まれています。取り除いてください。",
    "bad_time": "「{given}」は正しい日時ではありません（{detail}）。RFC 3339の日時をオフセット付きで送ってください。",
    "time_without_offset": "日時「{given}」にUTCからのオフセットがありません。"
    "Z、または +09:00 のように付けてください。",
    "unsupported_specversion": "CloudEventsのバージョン「{given}」には対応していません。"
    "specversion「1.0」で送ってください。",
    "missing_header": "ヘッダー「{header}」がありません。追加してください。",
    "missing_entity": "このイベントがどのエンティティのものか分かりません。「{member}」を指定してください。",
    "unknown_type": "イベントの種類「{given}」は登録されていません。次のいずれかを使ってください: {known}",
    "data_base64_not_json": "data_base64の内容がJSONではありません。JSONをbase64で符号化して送ってください。",
    # the request as a whole
    "idempotency_conflict": "同じ冪等キーで内容の異なるイベントを {first_seen} に受け取っています。"
    "新しいイベントには新しいキーを使ってください。",
    "already_received": "このイベントは以前に受信済みです。これ以上の処理は行いません。",
    "kept_unprocessed": "保存しましたが、処理は行いません。",
    "all_rejected": "リクエストのすべてのイベント（{count}件）が拒否されました。"
    "それぞれのエラーを直して送り直してください。",
    "unknown_route": "{given} はありません。メソッドとパスを確認してください。",
    "unavailable": "ただいま処理できませんでした。少し待って同じリクエストを送り直してください。",
    # replay
    "request_not_an_object": "リクエストはJSONオブジェクトでなければなりませんが、{given}が送られました。"
    "オブジェクトを送ってください。",
    "replay_without_scope": "再送する対象が指定されていません。entity_id、またはsourceとevent_typeを指定してください。",
    "replay_with_two_scopes": "再送の対象は、エンティティか、sourceとevent_typeのどちらかです。"
    "一方だけを指定してください。",
    "unscoped_window": "期間に「{member}」がありません。start_timeとend_timeの両方を指定してください。",
    "empty_window": "期間が空です。start_time {start} が end_time {end} より前ではありません。直してください。",
    "window_too_long": "期間が {days} 日に及びます（sourceの場合は最大 {maximum} 日）。分けて再送してください。",
    "broken_token": "トークンを読み取れません。返されたnext_tokenをそのまま送るか、最初から行う場合は省いてください。",
    "foreign_token": "このトークンは別の条件の再送のものです。同じ条件で送るか、最初から行う場合は省いてください。",
    "unknown_run": "再送「{given}」はありません。run_idを確認してください（ドライランは記録されません）。",
    "replay_sent": "読み取った {scanned} 行のうち {count} 件をキューに送りました。",
    "replay_found_nothing": "何も送っていません。この期間に対象のイベントがありません。"
    "期間は到着時刻ではなくイベント時刻で、名前は大文字と小文字を区別します。",
    "replay_read_nothing": "何も送っていません。まだ一行も読み取っていません。",
    "replay_all_skipped": "何も送っていません。読み取った {count} 行にはそれぞれ理由があります（{detail}）。",
    "replay_all_limited": "何も送っていません。読み取った {count} 行より前に上限に達していました。",
    "replay_partial": "続きがあります。同じリクエストをnext_token付きで送ってください。",
    "replay_failed": "{count} 件がキューに届きませんでした。少し待って同じリクエストをnext_token付きで送ってください。",
    "replay_stopped": "読み取りが途中で止まりました（{detail}）。"
    "少し待って同じリクエストをnext_token付きで送ってください。",
    "replay_limited": "上限の {maximum} 件に達しました。期間にはまだ残っている可能性があります。",
    "replay_dry_run": "ドライランのため、何も送信も記録もしていません。件数は実行した場合のものです。",
    # keywords of JSON Schema
    "required": "必須のメンバー「{member}」がありません。追加してください。",
    "type": "値は{expected}でなければなりませんが、{given}です。型を直してください。",
    "enum": "許可されていない値です。次のいずれかを使ってください: {allowed}",
    "const": "許可されていない値です。{allowed} を送ってください。",
    "min_length": "文字列が短すぎます（最小の長さ: {minimum}）。長くしてください。",
    "max_length": "文字列が長すぎます（最大の長さ: {maximum} コードポイント）。短くしてください。",
    "max_graphemes": "文章が長すぎます（最大{maximum}文字、現在{count}文字）。短くしてください。",
    "minimum": "数値が小さすぎます（最小値: {minimum}）。大きくしてください。",
    "maximum": "数値が大きすぎます（最大値: {maximum}）。小さくしてください。",
    "exclusive_minimum": "数値が小さすぎます（{minimum} より大きい値が必要です）。大きくしてください。",
    "exclusive_maximum": "数値が大きすぎます（{maximum} より小さい値が必要です）。小さくしてください。",
    "pattern": "文字列が決められた形式ではありません。{pattern} に一致するものを送ってください。",
    "format": "文字列が形式「{format}」に合っていません。直してください。",
    "min_items": "配列の要素が少なすぎます（最小: {minimum} 個）。追加してください。",
    "max_items": "配列の要素が多すぎます（最大: {maximum} 個）。減らしてください。",
    "unique_items": "配列に同じ要素が重複しています。重複を取り除いてください。",
    "additional_properties": "メンバー「{member}」はここでは使えません。取り除いてください。",
    "multiple_of": "数値が {divisor} の倍数ではありません。倍数に丸めてください。",
    "false_schema": "ここには値を置けません。取り除いてください。",
    "other": "値が規則に合っていません（{detail}）。直してください。",
}

CATALOGS: Final[Mapping[Language, Mapping[str, str]]] = {"en": _ENGLISH, "ja": _JAPANESE}
"""Language to code to text, with parameters in braces."""

TYPE_NAMES: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "string": "a string",
        "number": "a number",
        "integer": "an integer",
        "boolean": "true or false",
        "array": "an array",
        "object": "an object",
        "null": "null",
        "or": " or ",
    },
    "ja": {
        "string": "文字列",
        "number": "数値",
        "integer": "整数",
        "boolean": "真偽値",
        "array": "配列",
        "object": "オブジェクト",
        "null": "null",
        "or": "または",
    },
}
"""Language to JSON's type names, and what joins them."""
