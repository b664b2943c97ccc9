"""Which release this is. A module of its own, so that the ground floor can say it without importing the face."""

__version__ = "0.1.0"
