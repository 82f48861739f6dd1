"""Every bound of the `pik` command, with its unit and its reason. `pik.domain.shared.limits` has the pipeline's."""

from __future__ import annotations

from typing import Final

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

CLI_HIGH_LETTERS: Final = 50
"""Dead letters above which the first escalation level is reached: somebody looks now, and not in the morning."""

CLI_CRITICAL_LETTERS: Final = 200
"""Above which it is the second: the system fails, and not some messages."""

CLI_EXPIRY_WARNING_SECONDS: Final = 86_400
"""Left before the oldest dead letter is lost: a day, so that a working day lies in it."""

CLI_FOLLOW_SECONDS: Final = 2.0
"""Between two looks at a redrive run: a wave takes seconds."""

CLI_FOLLOW_LOOKS: Final = 1_200
"""Polls without news, 40 minutes, before a run is said to make no progress: a wave may be delayed for 15 minutes and
judged 15 minutes later."""

CLI_MAX_MOVE_RATE: Final = 500
"""Messages a second of a native redrive; AWS takes no more."""

CLI_EXECUTIONS: Final = 10
"""Executions that `pik dlq start-executions` starts by default: as many as a person inspects."""

CLI_MAX_EXECUTIONS: Final = 1_000
"""What it starts at most: when a thousand do not help, the cause needs another look first."""

CLI_EXECUTION_THREADS: Final = 8
"""Of those under way at once; StartExecution allows some hundred a second for the whole account."""

CLI_EXECUTION_HOLD_SECONDS: Final = 900
"""Messages are held while executions are started: far longer than a thousand take, also when throttled."""

CLI_MAX_EXECUTION_INPUT_BYTES: Final = 262_144
"""Of an execution's input; Step Functions takes no more."""

CLI_NEAR_FINGERPRINTS: Final = 5
"""Fingerprints that are shown for a mistyped one; more hide the one that was meant."""

CLI_SWITCH_SECONDS: Final = 2.0
"""Between two looks at a switch of the processor: CloudFormation takes a minute, Lambda some seconds."""

CLI_SWITCH_LOOKS: Final = 900
"""Looks at one step of a switch, half an hour, before it counts as stuck: an update may wait for a slow resource."""

CLI_MIN_TIMED_SWITCH_SECONDS: Final = 60
"""Of `--for`: EventBridge Scheduler is exact to a minute."""

CLI_MAX_TIMED_SWITCH_SECONDS: Final = 3 * 86_400
"""Of `--for`: WorkQueue keeps messages for 4 days, so a day is left to process them."""

CLI_MAX_REASON_CHARS: Final = 256
"""Of `--reason`: it is also in the schedule's description, which has 512 with the caller's ARN."""

CLI_MAX_DISCARDED_BYTES: Final = 32 * 1024 * 1024
"""Of a discarded batch: Lambda's 6 MB of payload, escaped as JSON within JSON, with room; each is read whole."""

CLI_RECOVER_BATCHES: Final = 100_000
"""Discarded batches of one `pik publisher recover`, ten million events; the same command goes on with the rest."""

CLI_STATUS_BATCHES: Final = 1_000
"""Discarded batches that `pik status` counts: it is enough to know that there are many."""
