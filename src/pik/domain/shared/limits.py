"""Every bound of the pipeline, each with its unit and its reason; `redrive_limits` has those of previews and redrives.

Nothing in the kit is unbounded.
"""

from __future__ import annotations

from typing import Final

# --- Ingest -----------------------------------------------------------------------------------------------------------
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Lambda's synchronous payload is 6 MB and API Gateway may pass a body base64-encoded, which adds a third. The same
bound holds for a body after it was unpacked."""

SURE_BODY_BYTES: Final = 3_000_000
"""What always reaches the function: API Gateway passes a text as a JSON string, in which each quotation mark and line
break takes two bytes, so that at worst a body doubles. A larger one arrives unless it consists of short strings."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""One event; a producer with more should put a document in S3 and send a reference."""

MAX_EVENTS_PER_REQUEST: Final = 500
"""Ten transactions of fifty events: within the API's 30 seconds even when each is throttled once."""

MAX_NESTING: Final = 64
"""Levels of arrays and objects; real events have fewer than ten, and the bound protects recursive consumers."""

MAX_EVENT_VALUES: Final = 50_000
"""Values (members and elements, at any depth) of one event: a value of a real event takes twenty bytes, so this is what
fills MAX_EVENT_BYTES. A megabyte of empty objects would be 350,000 and cost a hundred times its size in memory."""

MAX_REQUEST_VALUES: Final = 150_000
"""Values of a whole request: three of the largest events; parsing, hashing and checking them takes under a second."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""I-JSON (RFC 7493): up to it, a double holds every integer exactly."""

MAX_NUMBER_DIGITS: Final = 100
"""Digits of a number as it is written, without its exponent: money has at most forty, and the exact decimal forms of
common doubles, which some languages print, have fifty-five."""

MAX_NUMBER_EXPONENT: Final = 400
"""Power of ten of a number's first digit, either way: a little more than the 308 of a double, so that every double can
be sent, and so that sums stay exact within MAX_SUM_DIGITS."""

MAX_NAME_CHARS: Final = 256
"""Characters of source, event_type and idempotency_key."""

MAX_KEY_NAME_BYTES: Final = 1_000
"""Bytes of source and of event_type as they stand in a key, in UTF-8 with `#` and `%` encoded: DynamoDB takes 2,048
bytes for the hash key of index BySourceDay, which holds both, a day and a shard."""

MAX_ENTITY_BYTES: Final = 1_024
"""Bytes of entity_id in UTF-8: a key of S3 or a path of a blob, which CloudEvents have as their subject, fits. DynamoDB
takes 2,048 bytes for a partition key."""

MAX_OBJECT_KEY_CHARS: Final = 1024
"""An S3 key: S3's own limit is 1,024 bytes."""

MAX_ERRORS_PER_EVENT: Final = 20
"""A person fixes the first few; a hostile body must not cause a large answer."""

SOURCE_DAY_SHARDS: Final = 16
"""Partitions of one source, type and day in index BySourceDay: 16 x 1,000 writes a second."""

EVENTS_PER_TRANSACTION: Final = 50
"""TransactWriteItems takes 100 actions, and an event needs two: its dedupe row and its index row."""

MAX_INGEST_ROUNDS: Final = 8
"""Steps of one event: at most four without contention; the rest are repeats while another request holds its rows."""

INGEST_THREADS: Final = 8
"""Concurrent transactions of one request; a request has at most ten."""

MAX_CONTENT_CODINGS: Final = 3
"""Content codings of one body, each of which is unpacked in turn; producers use one, a proxy may add another."""

MAX_GZIP_MEMBERS: Final = 1_000
"""Members of one gzip body: tools that pack in blocks of 64 KB make 64 of the largest body."""

MAX_ATTRIBUTES_BYTES: Final = 1_600
"""A binary CloudEvent's attributes as one entry of its object's metadata: S3 takes 2 KB of names and values in all."""

MAX_PATH_CHARS: Final = 400
"""Characters of one place in an answer or a log line: member names may be a megabyte, and an answer repeats them."""

# --- Validation and messages ------------------------------------------------------------------------------------------
MAX_DIAGNOSED_VALUES: Final = 500
"""Values (members and elements) of an invalid payload up to which all of its findings are collected; a larger one gets
its first finding. A finding costs 10 microseconds and every value can be one: 500 hostile events take 3 seconds."""

MAX_ECHO_CHARS: Final = 80
"""Characters of the sender's text in one place of one message: enough to recognize it, too few to fill an answer."""

MAX_RULE_CHARS: Final = 400
"""Characters of what the kit itself lists in a message: known types, media types, a library's detail."""

MAX_LANGUAGE_RANGES: Final = 20
"""Languages read from one Accept-Language; browsers send fewer than ten."""

# --- Webhooks ---------------------------------------------------------------------------------------------------------
WEBHOOK_TOLERANCE_SECONDS: Final = 300
"""How far the signed time of a webhook may be from now: what Standard Webhooks, Stripe and Slack recommend."""

MAX_WEBHOOK_TOLERANCE_SECONDS: Final = 86_400
"""The largest window that a source's file may ask for; DedupeTtlDays is at least as long, so a repeat is recognised."""

MAX_SIGNATURES: Final = 10
"""Signatures read from one header; senders that rotate a secret send two."""

SECRET_CACHE_SECONDS: Final = 300
"""Longest age of a secret in memory: how long a revoked one may still be accepted."""

SECRET_REFRESH_SECONDS: Final = 30
"""Shortest time between two reads of a source's secrets: what wrong signatures can cause at most."""

CERTIFICATE_CACHE_SECONDS: Final = 3_600
"""Longest age of a certificate of SNS in memory; SNS changes them about once a year, with their address."""

MAX_CERTIFICATES: Final = 8
"""Certificates of SNS in memory: one per region of the topics, and room for their successors."""

HTTPS_TIMEOUT_SECONDS: Final = 3.0
"""For one answer of SNS over HTTPS; SNS itself waits 15 seconds for the function."""

MAX_HTTPS_ANSWER_BYTES: Final = 32 * 1024
"""A certificate of SNS has 2 KB, a confirmation less."""

# --- Publish ----------------------------------------------------------------------------------------------------------
MAX_SEND_ENTRIES: Final = 10
"""Entries of one SendMessageBatch: SQS's own limit."""

MAX_SEND_BYTES: Final = 1024 * 1024
"""Bytes of one SQS message, and of all messages of one SendMessageBatch together: SQS's own limit."""

SEND_ROUNDS: Final = 2
"""Sends of one message: the second follows at once; further ones are the stream mapping's retries, which wait."""

SEND_THREADS: Final = 16
"""Concurrent batches; as many as a client has connections."""

# --- What others wrote ------------------------------------------------------------------------------------------------
MAX_WORK_CHARS: Final = 65_536
"""Characters of a work message: with all names at their longest and each character escaped it has 20,000. A longer body
is no work message, and is refused before anything is parsed."""

MAX_ATTEMPTS: Final = 1_000_000
"""Attempts, receives and redrives of one event that count as possible: with a hundred receives per message that is ten
thousand redrives. A larger number was not written by the kit, and would not fit what is computed from it."""

MAX_CATEGORY_CHARS: Final = 64
"""Characters of a category that are read from a dead letter; the kit's own have ten at most."""

MAX_FINGERPRINT_CHARS: Final = 64
"""Characters of a fingerprint that are read from a dead letter; the kit's own have 32."""

MAX_NOTES: Final = 5
"""Notes on what could not be read of one message: enough to recognize who sent it."""

MAX_CAUSE_CHARS: Final = 4_096
"""Characters of an exception's text that are kept: a text can hold a whole foreign message, and ids, numbers and quotes
are searched for in all of it."""

MAX_STACK_CHARS: Final = 65_536
"""Characters of a stack trace in the log, the last ones: CloudWatch Logs bounds the size of a log event."""

# --- Process ----------------------------------------------------------------------------------------------------------
PROCESS_THREADS: Final = 16
"""Concurrent reads, or writes, of one batch of messages; as many as a client has connections."""

INLINE_IDS: Final = 40
"""Events up to which a version row carries all ids: 680 bytes, so that it costs one or two write units."""

EVENTS_PER_VERSION: Final = 100
"""Events that one version adds: their markers are looked up in one BatchGetItem, which takes 100 keys, and their whole
ids leave its row below the 4 KB of one read unit."""

MAX_SAMPLE_IDS: Final = 3
"""Event ids that a version row shows to a person; all that it added are in `added`."""

MAX_VERSION_ATTEMPTS: Final = 40
"""Attempts to write one version. Of the processors that compete for one entity-day one wins each round, so this serves
forty."""

VERSION_BACKOFF_SECONDS: Final = 0.01
"""The longest wait after a lost race, doubled each time: about as long as a read and a write take."""

MAX_VERSION_BACKOFF_SECONDS: Final = 0.32
"""The maximum of that doubling; forty waits then last six seconds on average, well within ProcessorTimeoutSeconds."""

DEADLINE_RESERVE_MS: Final = 3_000
"""Milliseconds before the function's end at which no new write starts, and unfinished reads and counts are given up:
the bus, the ledger, the dead-letter queue and the answer need them."""

READ_TIME_SHARE: Final = 0.5
"""Share of the time before that reserve that reading may take: slow objects then cost their own messages and not those
that were read quickly."""

MAX_BUS_ENTRIES: Final = 10
"""Entries of one PutEvents: EventBridge's own limit."""

MAX_BUS_BYTES: Final = 1024 * 1024
"""Bytes of one PutEvents. The kit's entries have at most about 15 KB, so ten are far below it and below older
limits."""

BUS_ROUNDS: Final = 3
"""Attempts to send an entry that EventBridge refuses; then its messages come back through the queue, which waits
longer."""

BUS_BACKOFF_SECONDS: Final = 0.1
"""The longest wait before refused entries are sent again, doubled each round."""

MAX_SUM_DIGITS: Final = 1_000
"""Digits in which amounts are added: numbers span MAX_NUMBER_EXPONENT places before the point, as many and their own
digits after it, and the sum of a trillion of them 12 more."""

BATCH_PUTS: Final = 25
"""Rows of one BatchWriteItem: DynamoDB's own limit."""

BATCH_KEYS: Final = 100
"""Keys of one BatchGetItem: DynamoDB's own limit."""

BATCH_ROUNDS: Final = 4
"""Calls for a row that DynamoDB leaves unprocessed because of throttling; then its messages come back through the
queue."""

BATCH_BACKOFF_SECONDS: Final = 0.05
"""The longest wait before unprocessed rows are requested again, doubled each round."""

MAX_FAILURE_MESSAGE_CHARS: Final = 1_000
"""Characters of a failure's message in the ledger; the log has up to MAX_CAUSE_CHARS."""

LEAST_FINGERPRINT_DIGITS: Final = 8
"""Of a fingerprint's 32 digits: few to type, and among a thousand causes the chance that two share them is 1 in
8,000."""

MAX_REASON_CHARS: Final = 256
"""Characters of a failure's message on the dead letter itself: enough to recognize the cause; the ledger has more."""

RETRY_BACKOFF_SECONDS: Final = 30
"""The longest wait after the first transient failure, doubled each time. Five deliveries then span four minutes on
average: long enough for a throttle or a failover to end, while a single failure costs a quarter of a minute."""

PERMANENT_BACKOFF_SECONDS: Final = 300
"""The same when a person must act first: five deliveries span half an hour on average, in which the cause can be fixed
so that nothing has to be redriven."""

MAX_BACKOFF_SECONDS: Final = 1_800
"""The maximum of either doubling: a hundred deliveries, the most that MaxReceiveCount allows, then end within 50 hours,
and WorkQueue keeps a message for 96."""

MAX_VISIBILITY_ENTRIES: Final = 10
"""Entries of one ChangeMessageVisibilityBatch: SQS's own limit."""

MIN_REDACTED_CHARS: Final = 4
"""Length of a redacted value from which it is replaced anywhere in a text. A shorter one is replaced only as a word:
otherwise the value "a" would remove every text with an "a" in it."""

MAX_REDACTED_VALUES: Final = 1_000
"""Values of one event that are searched for in a failure's text; if there are more, the whole text is left out."""

# --- Replay -----------------------------------------------------------------------------------------------------------
MAX_REPLAY_DAYS: Final = 366
"""UTC days that a source's window may touch: 366 x 16 partitions are read in under a minute even when all are empty."""

MAX_REPLAY_LIMIT: Final = 1_000_000
"""Events of one run: two minutes of sending; beyond it the processor, not the replay, sets the pace."""

REPLAY_THREADS: Final = 16
"""Concurrent reads and sends of one replay; as many as a client has connections."""

REPLAY_LANES: Final = 16
"""Partitions that are read at once: the shards of a source's day. A token holds the position of each."""

REPLAY_PAGE_ROWS: Final = 1_000
"""Rows of one read: about the megabyte that DynamoDB reads at most, and a bound on rows of any size."""

REPLAY_PAGE_ROWS_LEAST: Final = 10
"""Rows of one read when few may still be sent: one batch's worth."""

REPLAY_SEND_EVENTS: Final = 1_600
"""Events sent between two checks of the clock: ten batches per thread, normally a tenth of a second."""

REPLAY_BACKLOG_EVENTS: Final = 3_200
"""Events read and not yet sent beyond which no page is requested: 4 MB, and the senders never wait for a read."""

REPLAY_RESERVE_MS: Final = 8_000
"""Milliseconds before the function's end at which nothing more is sent: they are for a slow last round, the record and
the answer."""

MAX_REPLAY_TOKEN_CHARS: Final = 16_384
"""A token of 16 positions has 5,000; a longer text is not a token of the kit."""

# --- Fault injection --------------------------------------------------------------------------------------------------
FAILURE_MODE_CACHE_SECONDS: Final = 5.0
"""How long a function uses the failure mode that it read: `pik fault clear` takes effect within seconds, and a busy
function reads the parameter twelve times a minute and not with each batch."""

SLOW_DOWNSTREAM_SECONDS: Final = 3.0
"""What a read takes in the mode slow_downstream. A batch of 50 needs four rounds of 16 threads, which end within the
half of ProcessorTimeoutSeconds that reading may take: so the ledger has the timeouts of the reads, and not that the
function ran out of time."""
