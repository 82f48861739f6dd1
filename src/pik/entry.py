"""What all entry points share: a flow that is built once, during Lambda's init, and a log line for every exception.

An entry point imports nothing but this module; its build function imports what is heavy. So the order is written down
here and does not depend on the alphabet of import lines: garbage collection off, load and build, garbage collection on.
While modules and service models load, nothing becomes garbage, and collecting would take an eighth of a cold start.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

from pik.settings import environment, in_lambda

Flow = Callable[[Any, Any], Any]
"""Takes Lambda's event and context, and returns the answer."""


class EntryPoint:
    """A Lambda handler. `build` makes the flow from the environment's variables.

    In a Lambda function the flow is built at once, because init gets a full CPU; elsewhere at the first invocation.
    """

    def __init__(self, build: Callable[[Mapping[str, str]], Flow]) -> None:
        self._build = build
        self._flow: Flow | None = None
        if in_lambda(environment()):
            self._load()

    @property
    def is_ready(self) -> bool:
        """Whether the flow has been built."""
        return self._flow is not None

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """One invocation. Raises what the flow raises, after logging it with its stack trace: a caller over HTTP gets a
        500, and nothing else would record it."""
        flow = self._flow or self._load()
        try:
            return flow(event, context)
        except Exception:  # any failure: it is raised again
            from pik.observability import logger  # noqa: PLC0415 (loaded by the flow already, and heavy)

            logger.exception("the invocation failed")
            raise

    def _load(self) -> Flow:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            self._flow = flow = self._build(environment())
        finally:
            if in_lambda(environment()):
                gc.freeze()  # what was loaded is never scanned again; only what invocations leave behind is
            if was_enabled:
                gc.enable()
        return flow
