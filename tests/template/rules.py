"""All rules that the transformed template keeps."""

from __future__ import annotations

from typing import Final

from tests.template import rules_access, rules_api, rules_flow, rules_keys, rules_partitions, rules_stores

RULES: Final = (
    *rules_access.RULES,
    *rules_stores.RULES,
    *rules_keys.RULES,
    *rules_flow.RULES,
    *rules_api.RULES,
    *rules_partitions.RULES,
)
