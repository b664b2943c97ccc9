"""The moment of every event and measurement in the cases."""

from datetime import UTC, datetime

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
