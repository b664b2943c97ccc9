"""A bank that keeps its accounts as events, and a forensics bench for any event-sourced ledger."""

__version__ = "0.1.0"
