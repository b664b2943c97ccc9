"""The bank's code as it was in its first years: it wrote deposits in the shapes of its day.

Nothing here goes through today's commands, because today's commands can't write yesterday's shapes.
"""

import msgspec

from esworkbench.domains.bank import Bank
from esworkbench.events import NewEvent


def deposit_v1(bank: Bank, account_id: str, amount: str, reference: str, *, quoted: bool = False) -> None:
    """A deposit in dollars, without a currency. ``amount`` is decimal text such as ``12.50``.

    The branch terminals sent it as a JSON string (``quoted``), everything else as a JSON number.
    """
    number = f'"{amount}"' if quoted else amount
    payload = b'{"amount":%s,"reference":%s}' % (number.encode(), msgspec.json.encode(reference))
    _append(bank, account_id, 1, payload)


def deposit_v2(bank: Bank, account_id: str, amount: str, currency: str, reference: str) -> None:
    """A deposit with its currency, the amount still as a decimal number."""
    payload = b'{"amount":%s,"currency":%s,"reference":%s}' % (
        amount.encode(),
        msgspec.json.encode(currency),
        msgspec.json.encode(reference),
    )
    _append(bank, account_id, 2, payload)


def decimal_text(amount_minor: int) -> str:
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def _append(bank: Bank, account_id: str, schema_version: int, payload: bytes) -> None:
    account = bank.accounts.load(account_id)
    event = NewEvent(
        event_type="MoneyDeposited",
        payload=payload,
        schema_version=schema_version,
        metadata={
            "correlation_id": bank.store.new_id(),
            "actor": "counter",
            "decided_on_version": account.version,
        },
    )
    bank.store.append(account.stream_id, [event], expected_version=account.version)
