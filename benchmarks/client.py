"""`python -m benchmarks.client`: what each place in which botocore is bent saves, on a SendMessageBatch of ten."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.config import Config

from benchmarks.wire import ENVIRONMENT, AnswerBody
from pik.adapters.client.clients import PLAIN, TUNED, Clients
from pik.adapters.client.plain_json import take_as_sent
from pik.adapters.client.signing import SIGNATURE_VERSION
from pik_cli.shell.output import Output

_ROUNDS: Final = 30
_CALLS: Final = 60  # per round; the fastest round counts
_ENTRIES: Final = [{"Id": str(n), "MessageBody": "b" * 700, "MessageGroupId": "shop"} for n in range(10)]
_ANSWER: Final = json.dumps(
    {"Successful": [{"Id": str(n), "MessageId": "m" * 36, "MD5OfMessageBody": "5" * 32} for n in range(10)]}
).encode()
_OWN_SIGNER: Final = Config(signature_version=SIGNATURE_VERSION)

BENDS: Final[dict[str, tuple[Config, bool]]] = {
    "botocore's own": (PLAIN, False),
    "one text as user agent": (PLAIN.merge(Config(user_agent=TUNED.user_agent)), False),
    "parameters not checked": (PLAIN.merge(Config(parameter_validation=False)), False),
    "signing key kept, headers read once": (PLAIN.merge(_OWN_SIGNER), False),
    "answers as sent": (PLAIN, True),
    "all of them": (TUNED.merge(_OWN_SIGNER), True),
}
"""Name to configuration, and whether answers are taken as sent."""


def microseconds() -> dict[str, float]:
    """CPU of one call by what is bent, each alone and all together."""
    os.environ.update(ENVIRONMENT)
    clients = {name: _client(*bend) for name, bend in BENDS.items()}
    best = dict.fromkeys(clients, float("inf"))
    for _ in range(_ROUNDS):
        for name, client in clients.items():
            begun = time.process_time()
            for _ in range(_CALLS):
                client.send_message_batch(QueueUrl="https://sqs.us-east-1.amazonaws.com/1/q", Entries=_ENTRIES)
            best[name] = min(best[name], (time.process_time() - begun) / _CALLS * 1e6)
    return best


def _client(config: Config, as_sent: bool) -> Any:
    client = Clients(tuned=False).session.create_client("sqs", config=config)
    if as_sent:
        take_as_sent(client.meta.events, "sqs")
    client.meta.events.register(
        "before-send", lambda request, **_: AWSResponse(request.url, 200, {}, AnswerBody(_ANSWER))
    )
    return client


if __name__ == "__main__":
    taken = microseconds()
    own = taken["botocore's own"]
    rows = [(name, f"{spent:.0f} µs", f"{1 - spent / own:.0%}") for name, spent in taken.items()]
    Output().table(("what is bent", "CPU of one call", "saved"), rows)
