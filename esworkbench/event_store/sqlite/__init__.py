"""The log on SQLite.

- `log`: its SQL
"""
