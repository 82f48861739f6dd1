"""What the simulation finds: a rule that did not hold."""

from __future__ import annotations


class Violation(AssertionError):
    """`rule` is the rule as text, always the same; `detail` what broke it this time."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


def check(holds: object, rule: str, detail: object = "") -> None:
    """Raises Violation."""
    if not holds:
        raise Violation(rule, str(detail))
