"""The write side's objects: aggregates, and the repository that loads and saves them.

- `aggregate`: decide, then apply
- `repository`: aggregates in, aggregates out
- `snapshots/`: loading without the whole history
"""
