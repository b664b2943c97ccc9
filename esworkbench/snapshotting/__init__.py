"""Snapshots off the write path, and how often they pay.

- `background`: taking those that are due
- `frequency`: load time against frequency, measured
"""
