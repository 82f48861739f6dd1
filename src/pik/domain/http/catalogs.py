"""The texts of all findings by language. A new code goes into every catalog, with the same parameters in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["en", "ja"]

_ENGLISH: Final[Mapping[str, str]] = {
    # the body and its JSON
    "malformed_json": "This is not valid JSON: {detail}. Correct that place and send it again.",
    "duplicate_member": 'The member "{member}" appears more than once in one object. Send each member once.',
    "not_a_number": "{literal} is not a number in JSON. Send a finite number, or null in its place.",
    "number_out_of_range": "The number {literal} is beyond what is kept exactly: from 1e-{maximum} to 1e{maximum}, "
    "and zero. Send it as a string.",
    "too_many_digits": "The number has {digits} digits; at most {maximum} are kept. "
    "Send fewer, or send it as a string.",
    "too_many_values": "There are more than {maximum} values (members and elements). Send fewer, "
    "or store the data elsewhere and send a reference.",
    "too_many_request_values": "The events of the request hold more than {maximum} values (members and elements) "
    "altogether. Split it into several requests.",
    "lone_surrogate": "The text holds half of a surrogate pair, not a character. Send both halves, or remove it.",
    "invalid_utf8": "The text is not valid UTF-8 at byte {offset}. Encode it as UTF-8.",
    "too_deep": "Arrays and objects are nested more than {maximum} levels deep. Send a flatter value.",
    "empty_body": "The body is empty. Send an event as JSON.",
    "body_too_large": "The body has {bytes} bytes; at most {maximum} are accepted. Send it in smaller requests.",
    "event_too_large": "The event has {bytes} bytes; at most {maximum} are accepted. "
    "Store its large part elsewhere and send a reference.",
    "too_many_events": "The request holds more than {maximum} events. Split it into several requests.",
    "empty_batch": "The batch holds no event. Send at least one.",
    "unsupported_media_type": 'The content type "{given}" is not supported. Send one of: {supported}.',
    "broken_base64": "This is not valid base64. Encode the bytes in the standard alphabet, with padding.",
    "unsupported_charset": 'The character set "{given}" is not supported. Send UTF-8.',
    "unsupported_encoding": 'The content encoding "{given}" is not supported. Send one of: {supported}.',
    "broken_encoding": "The body cannot be unpacked with the content encoding {encoding}: {detail}. "
    "Send it whole, or without content-encoding.",
    "damaged_encoding": "The body was passed on as text, which damages compressed bytes ({encoding}). "
    "Compress it under a content type that is not text, such as application/x-ndjson, or send it uncompressed.",
    "unpacked_too_large": "The body unpacks to more than {maximum} bytes. Send it in smaller requests.",
    "several_json_texts": "The body holds several JSON texts, one per line. "
    "Send them with the content type {supported}, or as one JSON array.",
    "attributes_too_large": "The attributes of this CloudEvent need {bytes} bytes; at most {maximum} are kept with a "
    "binary one. Shorten this one, or send the event in structured mode.",
    # the envelope
    "no_envelope": "No envelope was recognised. Send the kit's own form (source, event_type, payload), a CloudEvent "
    '(specversion, id, source, type), or a bare payload of the type "{type}", which has {expected}.',
    "no_envelope_nor_default": "No envelope was recognised. Send the kit's own form (source, event_type, payload) or "
    "a CloudEvent (specversion, id, source, type). Bare payloads are not accepted here, because the default type "
    '"{type}" has no schema that names its entity.',
    "payload_not_json": 'Events of the type "{type}" have a schema, so their payload must be JSON. '
    "Send JSON, or another type.",
    "payload_missing": 'This event has no payload, and those of the type "{type}" need one. Add it.',
    "not_an_object": "An event must be a JSON object, but this is {given}. Send an object.",
    "missing_member": 'The member "{member}" is missing. Add it.',
    "wrong_type": 'The member "{member}" has the wrong type. Send {expected}.',
    "blank": 'The member "{member}" is blank. Give it at least one visible character.',
    "too_long": 'The member "{member}" is too long. Send at most {maximum} characters.',
    "too_many_bytes": 'The member "{member}" takes {bytes} bytes in a key; at most {maximum} fit. Shorten it.',
    "control_character": 'The member "{member}" holds a control character. Remove it.',
    "bad_time": '"{given}" is not a valid time: {detail}. Send an RFC 3339 time with an offset.',
    "time_without_offset": 'The time "{given}" does not say its offset from UTC. Add Z, or an offset such as +09:00.',
    "unsupported_specversion": 'Version "{given}" of CloudEvents is not supported. Send specversion "1.0".',
    "missing_header": 'The header "{header}" is missing. Add it.',
    "missing_entity": 'Nothing says which entity this event belongs to. Set "{member}".',
    "unknown_type": 'The event type "{given}" is not known here. Use one of: {known}.',
    "data_base64_not_json": "The bytes in data_base64 are not JSON. Send JSON text, encoded as base64.",
    # webhooks
    "unknown_webhook": 'There is no webhook source "{given}" here. Check the path, and the parameter WebhookSources.',
    "missing_signature": '"{member}" is missing, so nothing shows where the request comes from. Send it.',
    "malformed_signature": '"{member}" does not have the form of its signature scheme. Send it as documented.',
    "stale_signature": "The signed time is not within {maximum} seconds of now. Check the clock; sign each attempt.",
    "bad_signature": 'The signature does not fit the body and the secrets of "{source}". '
    "Check that both sides have the same secret, and that nothing changes the body on its way.",
    "no_sns_message": "This is not a message of Amazon SNS. Turn raw message delivery off.",
    "unlisted_topic": 'The topic "{given}" is not listed for this source. Add it to the parameter WebhookTopics.',
    "foreign_url": '"{given}" is not an address of Amazon SNS. Send the message as SNS wrote it.',
    "unmapped_member": "The event's {member} should be at {expression}, but {given} was found there. "
    "Correct the body, or the file of the source.",
    # the request as a whole
    "idempotency_conflict": "An event with this idempotency key and a different payload was first seen at "
    "{first_seen}. Use a new key for a new event.",
    "already_received": "This event was received before. It is not processed again.",
    "kept_unprocessed": "It was stored as received. It is not processed.",
    "all_rejected": "All events of the request were rejected ({count}). "
    "Correct the errors listed with each and send them again.",
    "unknown_route": "There is nothing at {given}. Check the method and the path.",
    "unavailable": "The service is temporarily unavailable. Send the same request again in a moment.",
    # replay
    "request_not_an_object": "A request must be a JSON object, but this is {given}. Send an object.",
    "replay_without_scope": "Nothing says which events to replay. Send entity_id, or source and event_type.",
    "replay_with_two_scopes": "A replay takes either an entity, or a source and an event type. Send one of the two.",
    "unscoped_window": 'The window has no "{member}". Send both start_time and end_time.',
    "empty_window": "The window is empty: start_time {start} is not before end_time {end}. Correct them.",
    "window_too_long": "The window touches {days} days; at most {maximum} are allowed for a source. "
    "Replay it in several parts.",
    "broken_token": "The token cannot be read. Send next_token exactly as it was returned, "
    "or omit it to start from the beginning.",
    "foreign_token": "The token belongs to a replay with other filters, or DryRun has changed since. "
    "Send the filters that it was returned for, or omit it to start from the beginning.",
    "unknown_run": 'There is no replay "{given}". Check the run_id; a dry run is not recorded.',
    "replay_sent": "Of {scanned} rows that were read, {count} went to the queue.",
    "replay_found_nothing": "Nothing was sent: the window holds no event of this scope. "
    "The window selects by event time, not by arrival; names are case-sensitive.",
    "replay_read_nothing": "Nothing was sent: no row has been read yet.",
    "replay_all_skipped": "Nothing was sent: each of the {count} rows that were read has a reason ({detail}).",
    "replay_all_limited": "Nothing was sent: the limit had been reached before the {count} rows that were read.",
    "replay_partial": "More remains: send the same request with next_token.",
    "replay_failed": "{count} messages did not reach the queue: send the same request with next_token in a moment.",
    "replay_stopped": "Reading stopped early ({detail}): send the same request with next_token in a moment.",
    "replay_limited": "The limit of {maximum} was reached; the window may hold more.",
    "replay_dry_run": "This was a dry run: nothing was sent or recorded. The counts show what would have been sent.",
    # redrive
    "needs_force": "Messages that failed less than {minimum} seconds ago show whether the cause still exists. "
    "Wait, or send force: true.",
    "diffs_only_needs": '"diffs_only" shows what the samples of a preview would become. Send "{member}" as well.',
    "needs_all": "A redrive takes at most {maximum} messages unless all is true. "
    "Send a smaller max_messages, or add all: true.",
    "not_of_action": 'The member "{member}" does not apply to the action {action}. Remove it.',
    "redrive_with_two_scopes": "A manifest lists its messages individually. Send manifest_id or {member}, not both.",
    "empty_transform": "The transform changes nothing. Send set or jmespath, or omit the transform.",
    "too_many_places": "The transform sets {count} places; at most {maximum} are allowed. Set fewer, or use jmespath.",
    "bad_place": '"{given}" is not a place in a payload. Send one such as payload.amount, items.0.price, or /a.b.',
    "bad_jmespath": "This is not a JMESPath expression: {detail}. Correct it.",
    "unknown_manifest": 'There is no manifest "{given}"; manifests are kept for 90 days. Make a new preview.',
    "unknown_rescue": 'There is no rescue "{given}". Send the run_id of a run whose action was rescue.',
    "put_back_already": "Run {run} has put this rescue back ({count} messages, at {at}), so nothing was sent. "
    "If the messages are gone from the queue since, send again: true.",
    "put_back_under_way": "Run {run} is putting this rescue back. Wait until it is over.",
    "unknown_redrive": 'There is no redrive "{given}". Check the run_id; a dry run is not recorded.',
    "run_is_over": "The redrive {given} is over ({status}). Nothing is left to cancel; its record shows what it did.",
    "preview_matched": "Of {read} messages that were read, {count} match.",
    "preview_matched_nothing": "Nothing matches: {read} messages were read.",
    "preview_skipped": "{count} were skipped, each for a reason ({detail}).",
    "preview_young": "{count} failed less than {minimum} seconds ago: a redrive skips them until {at} unless force is "
    "true.",
    "preview_too_young": "{count} are too young: the last of them is old enough at {at}.",
    "preview_in_flight": "{count} more are held by a redrive, or by another preview, and were not seen.",
    "preview_incomplete": "There may be more: the limit or the time of one preview was reached.",
    "preview_causes_left_out": "The {count} rarest causes are not listed: filter by category, source or entity.",
    "preview_dry_run": "The stack is in dry run: no manifest was written.",
    "redrive_running": "It is in progress: {count} of {selected} messages so far.",
    "redrive_moved": "Of {selected} messages that were selected, {count} went back to the queue.",
    "redrive_rescued": "Of {selected} messages that were selected, {count} were moved to the bucket.",
    "redrive_put_back": "Of {selected} messages of the rescue, {count} were put back into the dead-letter queue.",
    "redrive_found_nothing": "Nothing was moved: there was no message to select.",
    "redrive_skipped": "Not moved, each for a reason: {count} ({detail}).",
    "redrive_already_gone": "{count} of the requested messages were no longer in the dead-letter queue.",
    "redrive_failed": "{count} could not be moved and are still where they were. Start another redrive in a moment.",
    "redrive_kept": "{count} may also still be in the dead-letter queue; redriving them again does no harm.",
    "redrive_unconfirmed": "The outcome of {count} of them is not known: they have not failed, and were either not "
    "counted yet or not checked.",
    "redrive_doubled": "{count} of them may be in the dead-letter queue twice, because a call that sent them got no "
    "answer. Redriving both does no harm: an event counts once.",
    "redrive_waiting": "{count} of them have neither failed nor been counted yet: they wait in the work queue, or an "
    "attempt is under way. What fails comes back as a dead letter.",
    "redrive_unchecked": "{count} of them have not failed, and whether they were counted was not looked up: there are "
    "too many for one check, or the tables could not be read.",
    "redrive_stopped": "It stopped early ({detail}). Start another redrive for the remaining messages.",
    "redrive_stopped_failing": "It stopped early: {failing} of {redriven} failed again, most of them with: {detail}. "
    "Read the new reasons, fix the cause, and start another redrive.",
    "redrive_stopped_undecided": "It stopped early: the outcome of {undecided} of its first messages was not known "
    "in time. Check that the processor runs, then start another redrive.",
    "redrive_stopped_late": "It stopped early: its time ran out. Start another redrive for the remaining messages.",
    "redrive_stopped_unsent": "It stopped early: no message of its last wave could be sent. "
    "Read the log of the step function, then start another redrive.",
    "redrive_broken": "It ended with an error ({detail}). The messages counted here were moved. "
    "Start another redrive for the others.",
    "redrive_abandoned": "No step has run since {since}, so the redrive will make no more progress: "
    "cancel it to close it. The messages that it held return to the dead-letter queue automatically.",
    "redrive_cancelling": "A cancellation was requested; it stops before its next wave.",
    "redrive_cancelled": "It was stopped on request.",
    "redrive_would": "Of {read} messages that were read, {count} would be taken.",
    "redrive_dry_run": "This was a dry run: nothing was moved or recorded.",
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
    "number_out_of_range": "数値 {literal} は正確に保持できる範囲（1e-{maximum} から 1e{maximum}、および 0）を"
    "超えています。文字列として送ってください。",
    "too_many_digits": "数値が {digits} 桁あります（最大 {maximum} 桁）。桁を減らすか、文字列として送ってください。",
    "too_many_values": "値（メンバーと要素）が {maximum} 個を超えています。"
    "数を減らすか、データを別の場所に保存して参照を送ってください。",
    "too_many_request_values": "リクエスト全体で値（メンバーと要素）が {maximum} 個を超えています。"
    "複数のリクエストに分けてください。",
    "lone_surrogate": "サロゲートペアの片方だけが含まれており、文字になりません。両方を送るか、取り除いてください。",
    "invalid_utf8": "{offset} バイト目がUTF-8として正しくありません。UTF-8で送ってください。",
    "too_deep": "配列とオブジェクトの入れ子が {maximum} 段を超えています。入れ子を浅くしてください。",
    "empty_body": "本文が空です。イベントをJSONで送ってください。",
    "body_too_large": "本文が {bytes} バイトあります（最大 {maximum} バイト）。小さく分けて送ってください。",
    "event_too_large": "イベントが {bytes} バイトあります（最大 {maximum} バイト）。"
    "大きな部分は別の場所に保存し、参照を送ってください。",
    "too_many_events": "イベントが {maximum} 件を超えています。複数のリクエストに分けてください。",
    "empty_batch": "バッチにイベントがありません。一件以上送ってください。",
    "unsupported_media_type": "Content-Type「{given}」には対応していません。次のいずれかで送ってください: {supported}",
    "broken_base64": "base64として正しくありません。標準の文字とパディングで符号化してください。",
    "unsupported_charset": "文字コード「{given}」には対応していません。UTF-8で送ってください。",
    "unsupported_encoding": "Content-Encoding「{given}」には対応していません。"
    "次のいずれかで送ってください: {supported}",
    "broken_encoding": "本文をContent-Encoding「{encoding}」として展開できません（{detail}）。"
    "全体を送るか、content-encodingなしで送ってください。",
    "damaged_encoding": "本文がテキストとして渡され、圧縮されたデータ（{encoding}）が壊れています。"
    "application/x-ndjsonなどテキスト以外のContent-Typeで圧縮するか、圧縮せずに送ってください。",
    "unpacked_too_large": "本文を展開すると {maximum} バイトを超えます。小さく分けて送ってください。",
    "several_json_texts": "本文に一行ずつ複数のJSONがあります。Content-Type {supported} で送るか、"
    "一つのJSON配列にしてください。",
    "attributes_too_large": "このCloudEventの属性は {bytes} バイトあります（バイナリモードでは最大 {maximum} バイト）。"
    "この属性を短くするか、structuredモードで送ってください。",
    # the envelope
    "no_envelope": "エンベロープを認識できません。キットの形式（source、event_type、payload）、"
    "CloudEvent（specversion、id、source、type）、または種類「{type}」のペイロード（{expected} を持つもの）を"
    "送ってください。",
    "no_envelope_nor_default": "エンベロープを認識できません。キットの形式（source、event_type、payload）か、"
    "CloudEvent（specversion、id、source、type）で送ってください。既定の種類「{type}」にはエンティティを示す"
    "スキーマがないため、ペイロードだけでは受け付けられません。",
    "payload_not_json": "種類「{type}」にはスキーマがあるため、ペイロードはJSONでなければなりません。"
    "JSONを送るか、別の種類にしてください。",
    "payload_missing": "このイベントにはペイロードがありません。種類「{type}」では必要です。追加してください。",
    "not_an_object": "イベントはJSONオブジェクトでなければなりませんが、{given}が送られました。"
    "オブジェクトを送ってください。",
    "missing_member": "メンバー「{member}」がありません。追加してください。",
    "wrong_type": "メンバー「{member}」の型が違います。{expected}を送ってください。",
    "blank": "メンバー「{member}」が空白です。目に見える文字を一つ以上入れてください。",
    "too_long": "メンバー「{member}」が長すぎます（最大{maximum}文字）。短くしてください。",
    "too_many_bytes": "メンバー「{member}」はキーの中で {bytes} バイトになります（最大 {maximum} バイト）。"
    "短くしてください。",
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
    # webhooks
    "unknown_webhook": "Webhookの送信元「{given}」はありません。パスとパラメーターWebhookSourcesを確認してください。",
    "missing_signature": "「{member}」がないため、送信元を確認できません。付けて送ってください。",
    "malformed_signature": "「{member}」が署名方式の形式に合っていません。送信元の仕様に従って送ってください。",
    "stale_signature": "署名の時刻が現在から {maximum} 秒を超えています。時計を確認し、毎回署名してください。",
    "bad_signature": "署名が本文と「{source}」のシークレットに合いません。"
    "双方のシークレットが同じで、本文が途中で変わっていないことを確認してください。",
    "no_sns_message": "Amazon SNSのメッセージではありません。raw message deliveryを無効にしてください。",
    "unlisted_topic": "トピック「{given}」は登録されていません。WebhookTopicsに加えてください。",
    "foreign_url": "「{given}」はAmazon SNSのアドレスではありません。SNSのメッセージをそのまま送ってください。",
    "unmapped_member": "{member} は {expression} にあるはずが{given}でした。本文か送信元のファイルを直してください。",
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
    "foreign_token": "このトークンは別の条件の再送のものか、その後DryRunが切り替えられました。"
    "同じ条件で送るか、最初から行う場合は省いてください。",
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
    # redrive
    "needs_force": "失敗から {minimum} 秒未満のメッセージは、原因が残っているかどうかを示します。"
    "待つか、force: trueを付けて送ってください。",
    "diffs_only_needs": '"diffs_only" はプレビューの見本がどう変わるかを示します。"{member}" も送ってください。',
    "needs_all": "allを指定しない場合、一度に扱えるのは {maximum} 件までです。"
    "件数を減らすか、all: trueを付けてください。",
    "not_of_action": "メンバー「{member}」は {action} では意味を持ちません。取り除いてください。",
    "redrive_with_two_scopes": "マニフェストは個々のメッセージを指定します。"
    "manifest_idと {member} のどちらか一方だけを送ってください。",
    "empty_transform": "変換が何も変更しません。setかjmespathを送るか、transformを省いてください。",
    "too_many_places": "変換で {count} 箇所を設定しています（最大 {maximum} 箇所）。"
    "減らすか、jmespathを使ってください。",
    "bad_place": "「{given}」はペイロード内の場所ではありません。"
    "payload.amount、items.0.price、/a.b のような形で送ってください。",
    "bad_jmespath": "JMESPath式として読み取れません（{detail}）。直してください。",
    "unknown_manifest": "マニフェスト「{given}」はありません（保存期間は90日です）。プレビューをやり直してください。",
    "unknown_rescue": "退避「{given}」はありません。actionがrescueだった実行のrun_idを送ってください。",
    "put_back_already": "この退避は実行 {run} が {at} に {count} 件戻し終えているため、何も送りませんでした。"
    "その後キューから失われた場合は、again: true を送ってください。",
    "put_back_under_way": "この退避は実行 {run} が戻している途中です。終わるまで待ってください。",
    "unknown_redrive": "再投入「{given}」はありません。run_idを確認してください（ドライランは記録されません）。",
    "run_is_over": "再投入 {given} は終了しています（{status}）。取り消せません。結果を確認してください。",
    "preview_matched": "読み取った {read} 件のうち {count} 件が条件に合います。",
    "preview_matched_nothing": "条件に合うものはありません。{read} 件を読み取りました。",
    "preview_skipped": "{count} 件は対象外で、それぞれ理由があります（{detail}）。",
    "preview_young": "{count} 件は失敗から {minimum} 秒未満です。forceを付けない再投入では {at} まで対象になりません。",
    "preview_too_young": "{count} 件は失敗から間もないため対象外です。最後の一件は {at} に対象になります。",
    "preview_in_flight": "ほかに {count} 件を実行中の再投入か別のプレビューが保持しており、読み取れませんでした。",
    "preview_incomplete": "まだ残っている可能性があります。一回のプレビューの上限か時間に達しました。",
    "preview_causes_left_out": "件数の少ない {count} 種類の原因は一覧にありません。分類や送信元で絞り込んでください。",
    "preview_dry_run": "スタックがドライランのため、マニフェストは書き込んでいません。",
    "redrive_running": "実行中です。これまでに {selected} 件中 {count} 件を移しました。",
    "redrive_moved": "選ばれた {selected} 件のうち {count} 件をキューに戻しました。",
    "redrive_rescued": "選ばれた {selected} 件のうち {count} 件をバケットに移しました。",
    "redrive_put_back": "退避された {selected} 件のうち {count} 件をデッドレターキューに戻しました。",
    "redrive_found_nothing": "何も移していません。対象のメッセージがありませんでした。",
    "redrive_skipped": "{count} 件はそのまま残しました。それぞれ理由があります（{detail}）。",
    "redrive_already_gone": "指定されたうち {count} 件は、もうデッドレターキューにありませんでした。",
    "redrive_failed": "{count} 件は移せず、元の場所に残っています。少し待って再投入をやり直してください。",
    "redrive_unconfirmed": "{count} 件のその後は不明です。失敗の記録はなく、集計されたかは未確認です。",
    "redrive_doubled": "{count} 件は、送信の応答がなく、デッドレターキューに二重に入っている可能性があります。"
    "両方を再投入しても、イベントは一度だけ数えられます。",
    "redrive_waiting": "{count} 件はまだ失敗も集計もされていません。"
    "作業キューで待っているか、処理の途中です。失敗すればデッドレターとして戻ります。",
    "redrive_unchecked": "{count} 件は失敗していませんが、集計されたかは確認していません。"
    "一度に確認できる件数を超えたか、テーブルを読み取れませんでした。",
    "redrive_kept": "{count} 件はデッドレターキューにも残っている可能性があります。もう一度扱っても問題ありません。",
    "redrive_stopped": "自動的に停止しました（{detail}）。残りは再投入をやり直してください。",
    "redrive_stopped_failing": "自動的に停止しました。{redriven} 件中 {failing} 件が再び失敗しました"
    "（最も多い理由: {detail}）。新しい理由を読み、原因を直してからやり直してください。",
    "redrive_stopped_undecided": "自動的に停止しました。"
    "最初に送ったうち {undecided} 件の結果が時間内に分かりませんでした。"
    "プロセッサーが動いているか確認してからやり直してください。",
    "redrive_stopped_late": "時間切れのため自動的に停止しました。残りは再投入をやり直してください。",
    "redrive_stopped_unsent": "最後に送ろうとしたメッセージが一件も送れず、自動的に停止しました。"
    "ステップ関数のログを読んでからやり直してください。",
    "redrive_broken": "エラーで終了しました（{detail}）。数えられた分は移されています。残りはやり直してください。",
    "redrive_abandoned": "{since} 以降どのステップも動いておらず、実行するものはもうありません。"
    "キャンセルすると閉じられます。確保されていたメッセージは自動的にデッドレターキューに戻ります。",
    "redrive_cancelling": "停止を指示されており、次の送信の前に停止します。",
    "redrive_cancelled": "指示により停止しました。",
    "redrive_would": "読み取った {read} 件のうち {count} 件が対象になります。",
    "redrive_dry_run": "ドライランのため、何も移さず、何も記録していません。",
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
