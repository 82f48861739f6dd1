"""How much the default run does."""

from __future__ import annotations

from typing import Final

DEFAULT_SEEDS: Final = 600
"""About half a minute on one core that is free, a minute on a busy one; the planted faults need a fifth of them."""

CHUNK: Final = 30
"""Seeds of one test, so that workers can share the run."""
