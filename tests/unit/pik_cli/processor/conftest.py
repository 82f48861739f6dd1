"""A stack with the processor's switch, in place of AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command_line import write_state
from tests.support.switch_stack import SwitchStack


@pytest.fixture
def cloud(machine: Path, monkeypatch: pytest.MonkeyPatch) -> SwitchStack:
    made = SwitchStack()
    write_state(machine, "http://127.0.0.1:9")
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: made)
    monkeypatch.setattr("pik_cli.processor.steps.time.sleep", lambda _seconds: None)
    return made
