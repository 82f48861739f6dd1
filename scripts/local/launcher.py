"""The child process that becomes the engine.

It runs as ``python -m scripts.local.launcher`` in a process group of its own, with a pipe as standard input whose
other end only the starter holds. When the starter ends, in whatever way (Ctrl-C, SIGKILL, a crash), the kernel closes
that pipe, the read here returns, and the whole group, functions included, is gone. No process outlives `make run`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

# The engine is ready in 0.3 s, and the import of the AWS clients would take it longer. No schedule is due so soon.
_SCHEDULES_AFTER_SECONDS = 2.0


def _end_with_the_starter() -> None:
    """Wait for the end of standard input, then kill this process group.

    SIGKILL and not SIGTERM: nobody is left who could wait for a polite end or who wants the state.
    """
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _carry_out_schedules() -> None:
    """What the engine's own scheduler cannot do. Imported here: the engine starts without waiting for it."""
    from scripts.local.aws import EngineAws
    from scripts.local.schedules import ScheduleRunner

    ScheduleRunner(EngineAws(f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}")).run()


def main() -> None:
    """Run the engine in this process until it is stopped.

    Raises:
        SystemExit: when this process does not lead its group, because ending the group would then end the starter.
    """
    if os.getpgrp() != os.getpid():
        raise SystemExit("scripts.local.launcher must lead its own process group; start it with make run")
    threading.Thread(target=_end_with_the_starter, name="lifeline", daemon=True).start()
    schedules = threading.Timer(_SCHEDULES_AFTER_SECONDS, _carry_out_schedules)
    schedules.daemon = True
    schedules.start()
    sys.argv = ["ministack"]
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
