"""All rules that the transformed template keeps."""

from __future__ import annotations

from typing import Final

from tests.template import rules_access, rules_flow, rules_stores

RULES: Final = (*rules_access.RULES, *rules_stores.RULES, *rules_flow.RULES)
