"""Imported by a handler before anything heavy: a function's process loads without looking for garbage.

While modules and service models load, all that is made stays, and looking through it is an eighth of a cold start. The
import's place, first of ours, is where the import order puts it by its name.
"""

from __future__ import annotations

import gc

from pik.settings import environment, in_lambda

if in_lambda(environment()):
    gc.disable()


def done() -> None:
    """The function is ready: what was loaded is never looked through again, and what requests leave behind is."""
    gc.freeze()
    gc.enable()
