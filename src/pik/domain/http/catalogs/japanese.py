"""The Japanese texts of all findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

JAPANESE: Final[Mapping[str, str]] = {
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

JAPANESE_TYPE_NAMES: Final[Mapping[str, str]] = {
    "string": "文字列",
    "number": "数値",
    "integer": "整数",
    "boolean": "真偽値",
    "array": "配列",
    "object": "オブジェクト",
    "null": "null",
    "or": "または",
}
"""JSON's type names, and what joins them."""
