"""Every bound of previews and redrives, each with its unit and its reason."""

from __future__ import annotations

from typing import Final

MAX_REDRIVE_MESSAGES: Final = 1_000
"""Messages that one redrive takes unless the request says all: a mistake then costs a minute, not a day's work."""

MAX_REDRIVE_ALL: Final = 100_000
"""Messages that a redrive of all takes: SQS allows about 120,000 in-flight messages per queue, and other readers use it
too."""

REDRIVE_MIN_AGE_SECONDS: Final = 60
"""Since a message's last failure: a message that failed in the last minute shows that the cause still exists."""

MAX_AGE_FILTER_SECONDS: Final = 1_209_600
"""14 days, the dead-letter queue's retention; no age or expiry is longer."""

MAX_JITTER_SECONDS: Final = 900
"""Random delay of a redriven message: the longest delay that SQS allows."""

REDRIVE_ATTEMPT_BUDGET: Final = 3
"""Redrives of one message unless the request says otherwise: what three did not fix, a fourth will not."""

MAX_ATTEMPT_BUDGET: Final = 10
"""Redrives of one message that a request may allow; beyond it the message needs a person."""

CANARY_SIZE: Final = 5
"""Messages of the first wave: enough to see whether a fix works, few enough to fail once more."""

CANARY_WIDEN: Final = 5
"""How many times larger each wave is than the one before: 5, 25, 125 and so on; 1,000 messages are in the fifth."""

CANARY_MAX_FAILURE_RATE: Final = 0.1
"""Share of a wave that may fail: none of five, and two of 25, which unrelated causes may account for."""

CANARY_WAIT_SECONDS: Final = 15
"""Between a wave and its evaluation: a batch window, a few attempts, and the ledger's index."""

MAX_CANARY_SIZE: Final = 1_000
"""Messages of a first wave; a larger one is not a canary."""

MAX_CANARY_WIDEN: Final = 100
"""Beyond it the second wave would hold everything."""

MAX_CANARY_WAIT_SECONDS: Final = 900
"""A quarter of an hour: the messages are held while the run waits for a wave."""

PREVIEW_MESSAGES: Final = 1_000
"""Messages that a preview reads unless the request says otherwise: a hundred receives, a second or two."""

MAX_PREVIEW_MESSAGES: Final = 10_000
"""Messages that a preview may read: a thousand receives over 16 threads, within the API's 30 seconds."""

PREVIEW_SAMPLES: Final = 5
"""Messages that a preview shows in full: as many as a person reads."""

MAX_PREVIEW_SAMPLES: Final = 20
"""Messages shown in full that fit an answer with the ledger rows of each."""

PREVIEW_LEDGER_ROWS: Final = 3
"""Failed attempts that a sample shows, the last first; `pik` shows all."""

PREVIEW_GROUPS: Final = 200
"""Causes that a preview lists, the most frequent first. With all names at their longest they take 4 MB, and an
answer of a function may have 6."""

PREVIEW_ROW_MEMBERS: Final = 40
"""Members of a ledger row that a sample shows; the kit's own rows have 27."""

PREVIEW_GROUP_ENTITIES: Final = 5
"""Entities that a preview names for a cause, those with the most messages; it counts all."""

PREVIEW_HOLD_SECONDS: Final = 60
"""How long a preview hides what it reads: twice its function's timeout. It releases the messages at its end; if it
dies, SQS makes them visible again after this time."""

PREVIEW_RESERVE_MS: Final = 10_000
"""Milliseconds before the function's end at which nothing more is read: the ledger lookup and the release of all
messages need them."""

PREVIEW_THREADS: Final = 16
"""Concurrent receives, or reads of the ledger, of one preview; as many as a client has connections."""

REDRIVE_BEGIN_SECONDS: Final = 900
"""After which a run that no step has touched will not begin: a state machine begins within seconds. A run that has
begun has REDRIVE_HOLD_SECONDS, within which it ends or is ended."""

MAX_LEDGER_PAGES: Final = 200
"""Pages of 1 MB that are read of one run's failures: 200,000 failed attempts, twice the messages of a run."""

MAX_RECEIVE_ENTRIES: Final = 10
"""Messages of one receive, and entries of one delete or visibility change: SQS's own limit."""

SWEEP_THREADS: Final = 24
"""Concurrent receives, and later sends and deletes, of a redrive: more would wait for the CPU, not for SQS."""

SWEEP_WAIT_SECONDS: Final = 1
"""Wait time of a receive: any value above 0 makes it a long poll, which queries all of SQS's servers and not a
sample."""

SWEEP_EMPTY_RECEIVES: Final = 2
"""Receives in a row that bring nothing new before a queue counts as read; a single receive may be empty by chance."""

SWEEP_FAILED_RECEIVES: Final = 5
"""Receives of one sweep that may fail, each after the SDK's three attempts; then SQS has an outage, and the sweep
ends."""

RELEASE_ROUNDS: Final = 2
"""Calls to make a message visible again or to delete it; after that its visibility timeout expires anyway."""

MAX_READ_BYTES: Final = 256 * 1024 * 1024
"""Bodies that one freeze holds in memory; work messages of the largest run have 100 MB."""

FREEZE_HOLD_SECONDS: Final = 900
"""How long a freeze hides what it receives: longer than its function runs, so that nothing comes back while it
receives, and short, because a freeze that dies before its selection is stored leaves its messages hidden for this
long."""

REDRIVE_LEAST_HOLD_SECONDS: Final = 660
"""The hold that a step must find, or else extend: the 600 seconds that its function runs at most, and a minute until a
step that failed is repeated. Four minutes of waiting fit in what the freeze's hold leaves: most runs take less."""

REDRIVE_HOLD_SECONDS: Final = 14_400
"""How long a run that lasts longer hides what it has not sent yet: longer than the state machine runs, so that the hold
is extended once and each receipt handle stays valid to the end. SQS allows twelve hours."""

REDRIVE_RUN_SECONDS: Final = 10_800
"""After which a run sends no further wave and ends; the state machine's own timeout is later, by the longest wait and
the last step."""

REDRIVE_WAVE_MESSAGES: Final = 5_000
"""Messages of one wave: two seconds of sending; a run can be cancelled between waves."""

REDRIVE_MAX_WAVES: Final = 40
"""Waves of one run: the largest run has twenty waves of the largest size, after those that grow to it."""

REDRIVE_MAX_CHECKS: Final = 20
"""Checks of the first wave before it counts as undecided: five minutes with the default wait, for a slow processor."""

REDRIVE_PART_MESSAGES: Final = 1_000
"""Messages of one file of a selection: a megabyte, and most runs have one file."""

REDRIVE_CONFIRM_READS: Final = 2_000
"""Reads of aggregates in one check of all that a run sent: two for each of the thousand messages that it takes unless
the request says all, so that the report of such a run is exact."""

PUT_BACK_CHUNK: Final = 100
"""Letters of a rescue that are put back under one mark: ten calls. As many are in doubt when a step dies meanwhile."""

REDRIVE_CONFIRM_SECONDS: Final = 5
"""After the last wave until its first check: a processor that keeps up has counted everything by then."""

OUTCOME_SAMPLES: Final = 5
"""Event ids that a run names of those that are not decided at its end: enough to search the logs for."""

REDRIVE_STEP_SECONDS: Final = 600
"""How long a step runs at most, the Timeout of its function: one that was given up may still write until then."""

REDRIVE_STEP_MS: Final = 300_000
"""Milliseconds that must be left for another step in the same invocation: half of the function's time, for a wave that
takes seconds."""

REDRIVE_RESERVE_MS: Final = 30_000
"""Milliseconds before the function's end at which a freeze stops receiving: it must still release, look up and
write."""

WAVE_RESERVE_MS: Final = 15_000
"""Milliseconds before the function's end at which a wave starts no further pack: they are for one slow pack and the
row."""

BACKOFF_DELAY_SECONDS: Final = 30
"""Delay of an event that was redriven before, doubled each time: it has shown that it may fail again."""

MAX_SET_PLACES: Final = 50
"""Places that a transform sets: a person writes them by hand; JMESPath is for larger changes."""

MAX_JMESPATH_CHARS: Final = 4_096
"""Characters of one expression: a page of text, far more than a person checks at a glance."""
