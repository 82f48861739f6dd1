"""The English texts of all findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ENGLISH: Final[Mapping[str, str]] = {
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

ENGLISH_TYPE_NAMES: Final[Mapping[str, str]] = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
    "or": " or ",
}
"""JSON's type names, and what joins them."""
