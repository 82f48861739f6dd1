"""A row of one of the kit's tables, or the members of a message: what DynamoDB and JSON can hold."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
