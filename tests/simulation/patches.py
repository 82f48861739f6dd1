"""Attributes that are different for a while: how the simulation gets hold of threads, limits and logs of real code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any, Self


class Patches:
    """Sets attributes and puts everything back at the end, last first."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []
        self._modules = list(kit_modules())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._before:
            owner, name, value = self._before.pop()
            setattr(owner, name, value)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Raises AttributeError for a name that the owner does not have: code that has moved on must be noticed."""
        # A static method must go back as what it was, not as what it gives.
        before = owner.__dict__[name] if isinstance(owner, type) and name in owner.__dict__ else getattr(owner, name)
        self._before.append((owner, name, before))
        setattr(owner, name, value)

    def everywhere(self, name: str, before: Any, after: Any) -> None:
        """Replace what modules of the kit know as `name`, where it is `before`."""
        for module in self._modules:
            if name in vars(module) and vars(module)[name] is before:
                self.set(module, name, after)


def kit_modules() -> Iterator[ModuleType]:
    """The modules under src/ that are loaded."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "pik":
            yield module
