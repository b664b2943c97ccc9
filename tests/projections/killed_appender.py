"""A process made to be killed: it appends deposits, with a projection that takes part in each append.

Arguments: database URL, the crash point and how often it is passed before it strikes. It prints the position of each
event once its append has returned.
"""

import sys

from killed_runner import die_at

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import ANY_VERSION
from esworkbench.event_store.participants import JoinedStore
from esworkbench.projections.synchronous import SynchronousRunner


def main(url: str, crash_point: str, passes: str) -> None:
    store = JoinedStore.open(url)
    SynchronousRunner(store, AccountBalances(), bank_decoder(), run_id="killed").join_appends()
    die_at(store.engine, crash_point, int(passes))
    deposit = BANK_EVENT_TYPES.encode(MoneyDeposited(amount_minor=7, currency="USD", reference="r"), metadata={})
    while True:
        result = store.append("BankAccount-a", [deposit], expected_version=ANY_VERSION)
        print(result.events[0].global_position, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
