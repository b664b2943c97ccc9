"""Worked examples.

- `bank/`: accounts, holds, transfers
- `orders/`: dollars become cents
- `activity/`: four streams joined
- `document/`: undo as appended inverses
- `rules`: what commands of every domain ask of their arguments
"""
