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


def _end_with_the_starter() -> None:
    """Wait for the end of standard input, then kill this process group.

    SIGKILL and not SIGTERM: nobody is left who could wait for a polite end or who wants the state.
    """
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _carry_out_schedules() -> None:
    """What the engine's own scheduler cannot do. Imported late: the engine does not wait for it."""
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
    threading.Thread(target=_carry_out_schedules, name="schedules", daemon=True).start()
    sys.argv = ["ministack"]
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
