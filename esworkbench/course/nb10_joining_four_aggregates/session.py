"""The id by which the events of a session belong together."""

Session = str | None
"""An event's correlation id; a profile's has nothing to do with sessions."""
