"""Replay: an account as of a moment.

replay     the balance from the postings, the state from the domain's own handlers
moments    a moment as people write it, with its zone; valid time and recorded time
stepping   the real handlers, one event at a time: before, after, and what went wrong
"""
