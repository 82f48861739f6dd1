"""Every bound of the pipeline, each with its unit and its reason. Nothing in the kit is unbounded."""

from __future__ import annotations

from typing import Final

# --- Ingest -----------------------------------------------------------------------------------------------------------
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Lambda's synchronous payload is 6 MB and API Gateway may pass a body base64-encoded, which adds a third."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""One event; a producer with more should put a document in S3 and send a reference."""

MAX_EVENTS_PER_REQUEST: Final = 500
"""Ten transactions of fifty events: within the API's 30 seconds also when every one of them is throttled once."""

MAX_NESTING: Final = 64
"""Levels of arrays and objects; real events have fewer than ten, and recursive consumers stay safe."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""I-JSON (RFC 7493): beyond it a double, and so JavaScript and RFC 8785, no longer holds the integer exactly."""

MAX_NAME_CHARS: Final = 256
"""source, event_type, entity_id and idempotency_key; 256 four-byte characters fit a 1,024-byte DynamoDB sort key."""

MAX_ERRORS_PER_EVENT: Final = 20
"""A person fixes the first few; a hostile body should not buy a large answer."""

SOURCE_DAY_SHARDS: Final = 16
"""Partitions of one source, type and day in index BySourceDay: 16 x 1,000 writes a second."""

EVENTS_PER_TRANSACTION: Final = 50
"""TransactWriteItems takes 100 actions, and an event needs two: its dedupe row and its index row."""

MAX_INGEST_ROUNDS: Final = 8
"""Steps of one event: four at most by themselves, the rest are repeats while another request holds its rows."""

INGEST_THREADS: Final = 8
"""Transactions of one request under way at once; a request has at most ten."""

# --- Validation and messages ------------------------------------------------------------------------------------------
MAX_DIAGNOSED_VALUES: Final = 500
"""Values (members and elements) of an invalid payload up to which all of its findings are collected; a larger one gets
its first finding. A finding costs 10 microseconds and every value can be one: 500 hostile events take 3 seconds."""

MAX_ECHO_CHARS: Final = 80
"""Of what the sender wrote, in one place of one message: enough to recognise it, too little to fill an answer."""

MAX_RULE_CHARS: Final = 400
"""Of what the kit itself lists in a message: known types, media types, a library's detail."""

MAX_LANGUAGE_RANGES: Final = 20
"""Languages read from one Accept-Language; browsers send fewer than ten."""

# --- Publish ----------------------------------------------------------------------------------------------------------
MAX_SEND_ENTRIES: Final = 10
"""Entries of one SendMessageBatch: SQS's own limit."""

MAX_SEND_BYTES: Final = 1024 * 1024
"""Bytes of one SQS message, and of all messages of one SendMessageBatch together: SQS's own limit."""

SEND_ROUNDS: Final = 2
"""Sends of one message: the second goes out at once, further ones are the stream mapping's retries, which wait."""

SEND_THREADS: Final = 16
"""Batches under way at once; as many as a client has connections."""

# --- Process ----------------------------------------------------------------------------------------------------------
PROCESS_THREADS: Final = 16
"""Reads, or writes, of one batch of messages under way at once; as many as a client has connections."""

INLINE_IDS: Final = 40
"""Events up to which a version row carries all ids: 680 bytes, so that it costs a write unit or two."""

EVENTS_PER_VERSION: Final = 100
"""Events that one version adds: their markers are looked up in one BatchGetItem, which takes 100 keys, and their whole
ids leave its row below the 4 KB of one read unit."""

MAX_SAMPLE_IDS: Final = 3
"""Event ids that a version row shows to a person; all that it added are in `added`."""

MAX_VERSION_ATTEMPTS: Final = 40
"""Writes of one version. Of processors that meet on one entity-day one wins each round, so this serves forty."""

VERSION_BACKOFF_SECONDS: Final = 0.01
"""The longest wait before a lost race is run again, doubled each time: a read and a write take about as long."""

MAX_VERSION_BACKOFF_SECONDS: Final = 0.32
"""The end of that doubling; forty waits then last six seconds on average, well within ProcessorTimeoutSeconds."""

DEADLINE_RESERVE_MS: Final = 3_000
"""Milliseconds before the function's end at which no new write starts: the bus, the ledger and the answer need them."""

MAX_BUS_ENTRIES: Final = 10
"""Entries of one PutEvents: EventBridge's own limit."""

MAX_BUS_BYTES: Final = 1024 * 1024
"""Bytes of one PutEvents. An entry of ours has at most about 10 KB, so ten are far below it and below older limits."""

BUS_ROUNDS: Final = 3
"""Sends of one entry that EventBridge refuses; then its messages come back through the queue, which waits longer."""

BUS_BACKOFF_SECONDS: Final = 0.1
"""The longest wait before refused entries are sent again, doubled each round."""

MAX_ORDER_AMOUNT: Final = 1_000_000
"""The business rule on orders: beyond it a person looks first."""

MAX_SUM_DIGITS: Final = 700
"""Digits in which amounts are added: the decimals of doubles span 309 + 324 places, and a trillion of them 12 more."""

BATCH_PUTS: Final = 25
"""Rows of one BatchWriteItem: DynamoDB's own limit."""

BATCH_KEYS: Final = 100
"""Keys of one BatchGetItem: DynamoDB's own limit."""

BATCH_ROUNDS: Final = 4
"""Calls for a row that DynamoDB leaves unprocessed, under throttling; then its messages come back through the queue."""

BATCH_BACKOFF_SECONDS: Final = 0.05
"""The longest wait before unprocessed rows are asked for again, doubled each round."""

MAX_FAILURE_MESSAGE_CHARS: Final = 1_000
"""A failure's message in the ledger; the log has all of it."""

MAX_REASON_CHARS: Final = 256
"""A failure's message on the dead letter itself: enough to recognise the cause; the ledger has more."""

# --- Replay -----------------------------------------------------------------------------------------------------------
MAX_REPLAY_DAYS: Final = 366
"""UTC days that a source's window may touch: 366 x 16 partitions are read in under a minute even when all are empty."""

MAX_REPLAY_LIMIT: Final = 1_000_000
"""Events of one run: two minutes of sending; beyond it the queue's age, not the replay, sets the pace."""

REPLAY_THREADS: Final = 16
"""Reads and sends of one replay under way at once; as many as a client has connections."""

REPLAY_LANES: Final = 16
"""Partitions that are read at once: the shards of a source's day. A token holds the position of each."""

REPLAY_PAGE_ROWS: Final = 1_000
"""Rows of one read: about the megabyte that DynamoDB reads at most, and a bound on rows of any size."""

REPLAY_PAGE_ROWS_LEAST: Final = 10
"""Rows of one read when few may still be sent: one batch's worth."""

REPLAY_SEND_EVENTS: Final = 1_600
"""Events sent between two looks at the clock: ten batches a thread, a tenth of a second when all is well."""

REPLAY_BACKLOG_EVENTS: Final = 3_200
"""Events read and not yet sent beyond which no page is asked for: 4 MB, and the senders never wait for a read."""

REPLAY_RESERVE_MS: Final = 8_000
"""Milliseconds before the function's end at which nothing more is sent: a slow last round, the record, the answer."""

MAX_REPLAY_TOKEN_CHARS: Final = 16_384
"""A token of 16 positions has 5,000; what is longer is none of ours."""

# --- The pik command --------------------------------------------------------------------------------------------------
CLI_BATCH_EVENTS: Final = 100
"""Events that `pik send` puts in a request: two transactions, answered well within the API's 30 seconds."""

CLI_CONCURRENCY: Final = 4
"""Requests of `pik send` under way at once: fills a line from far away without tripping a small stack's throttle."""

CLI_MAX_CONCURRENCY: Final = 64
"""Beyond it a client opens more connections than it gains time."""

CLI_MAX_RETRIES: Final = 50
"""A quarter of an hour of outage; more is met by running the command again."""

CLI_RETRIES: Final = 8
"""Repeats of one request: with the backoff below about half a minute of outage on average is sat out."""

CLI_BACKOFF_SECONDS: Final = 0.5
"""The longest wait before the first repeat, doubled each time; the wait itself is random (full jitter)."""

CLI_BACKOFF_CAP_SECONDS: Final = 20.0
"""The end of that doubling: a person watches."""

CLI_RETRY_AFTER_CAP_SECONDS: Final = 60.0
"""Of what a server asks for in Retry-After; a longer outage is better met by running the command again."""

CLI_FAILED_BATCHES: Final = 3
"""Batches in a row that exhaust their repeats before `pik send` stops: the API is broken and not the batch."""

CLI_MAX_JSON_BYTES: Final = 100 * 1024 * 1024
"""A JSON array or object is read whole, at several times its size in memory; NDJSON has no such bound."""

CLI_MAX_PROBLEMS: Final = 100
"""Findings that a summary keeps, those of the first lines; counts are always complete."""

CLI_SHOWN_PROBLEMS: Final = 10
"""Findings that a summary shows to a person; `-o json` has the others."""

CLI_LOG_LINES: Final = 10_000
"""Log lines that `pik logs` prints; more is a file's worth and wants a narrower question."""

CLI_LOG_PAGE: Final = 1_000
"""Log events read in one call, of CloudWatch's 10,000: the first lines show sooner."""

CLI_LOG_OVERLAP_SECONDS: Final = 30
"""How far `pik logs --follow` looks back each time: CloudWatch makes lines visible late and out of order."""

CLI_LOG_REMEMBERED: Final = 50_000
"""Log events that `--follow` remembers as printed; far more than the overlap holds."""

CLI_STATUS_THREADS: Final = 8
"""Reads of `pik status` under way at once; it makes about a dozen."""
