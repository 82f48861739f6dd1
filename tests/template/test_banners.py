"""template.yaml begins with its table of contents: each flow's banner with the resources below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest

from tests.template.stack import ROOT, source

TEXT: Final = (ROOT / "template.yaml").read_text(encoding="utf-8")
FLOWS: Final = ("Storage", "Ingest", "Webhooks", "Publish", "Process", "Replay", "Redrive", "Bus", "Alerting")
BANNER: Final = re.compile(r"  # =+\n  # (\w+): .+\n  # =+\n")


def listed(text: str) -> Mapping[str, list[str]]:
    """The flows of the list above Metadata, with the logical ids that it names."""
    head = text[: text.index("\nMetadata:\n")]
    entries = re.findall(r"^# (\w+): (.+\n(?:#   .+\n)*)", head, re.MULTILINE)
    return {flow: re.findall(r"\w+", names) for flow, names in entries}


def written(text: str) -> Mapping[str, list[str]]:
    """The flows of the Resources section, with the logical ids between one banner and the next."""
    body = text[text.index("\nResources:\n") : text.index("\nOutputs:\n")]
    before, *parts = BANNER.split(body)
    assert not re.search(r"^  \w+:", before, re.MULTILINE), "a resource stands before the first banner"
    return {
        flow: re.findall(r"^  (\w+):", block, re.MULTILINE) for flow, block in zip(parts[::2], parts[1::2], strict=True)
    }


def in_order(flows: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """A mapping as a list, so that a comparison sees the order of the flows too."""
    return list(flows.items())


def test_the_list_at_the_top_is_what_the_file_has_in_its_order() -> None:
    assert in_order(listed(TEXT)) == in_order(written(TEXT))


def test_every_flow_has_its_banner_and_every_resource_its_flow() -> None:
    flows = written(TEXT)
    assert tuple(flows) == FLOWS
    assert [name for names in flows.values() for name in names] == list(source()["Resources"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n  WorkQueue:\n", "\n  ExtraQueue:\n    Type: AWS::SQS::Queue\n\n  WorkQueue:\n"),
        ("\n  WorkQueue:\n", "\n  RenamedQueue:\n"),
        ("# Publish: WorkQueue, WorkDeadLetterQueue,", "# Publish: WorkDeadLetterQueue, WorkQueue,"),
        ("  # Bus: ", "  # Announce: "),
    ],
    ids=["resource added", "resource renamed", "list out of order", "flow renamed"],
)
def test_a_list_that_differs_from_the_file_is_seen(old: str, new: str) -> None:
    changed = TEXT.replace(old, new, 1)
    assert changed != TEXT
    assert in_order(listed(changed)) != in_order(written(changed))
