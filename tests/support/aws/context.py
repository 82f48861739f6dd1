"""The context object with which Lambda calls a function."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FakeContext:
    """Lambda's context object, as far as functions read it. Its time does not run; tests set it."""

    function_name: str = "processor"
    aws_request_id: str = "request-1"
    log_stream_name: str = "2026/11/20/[$LATEST]abc"
    remaining_ms: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms
