"""The bank's read models: one projection a file, each a fold of the same postings.

- `postings`: what they have in common, and the signed effect of one event
- `account_balances`: one row per account and currency
- `transaction_history`: one row per posting
- `pending_withdrawals`: one row per open hold
- `daily_summaries`: one row per account, currency and day
- `set_based`: each of them as one query
- `all`: all of them, by name
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
