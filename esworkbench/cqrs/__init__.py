"""Commands and queries apart.

- `commands`: one intent in, one decision saved, one answer out
- `queries`: questions, answered from read models
- `read_your_writes`: whoever wrote sees what they wrote
"""
