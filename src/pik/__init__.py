"""The Pipeline Investigation Kit: pure rules in `domain`, AWS in `adapters`; the handlers beside it wire the two."""

__version__ = "0.1.0"
