"""The Pipeline Investigation Kit: pure rules in `domain`, AWS in `adapters`; flows use the two."""

__version__ = "0.1.0"
