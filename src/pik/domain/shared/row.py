"""The type of a row of the kit's tables, and of a message's members: what DynamoDB and JSON can hold."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
