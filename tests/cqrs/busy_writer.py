"""Many customers in one process: each deposits 1 cent into an account shared by all and into its own, again and again.

Reads a database URL and a customer's account on each of the next lines, up to an empty one; says ``writing`` once each
has deposited; and ends with its standard input, saying how often the shared account was deposited into.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from esworkbench.domains.bank import Deposit
from esworkbench.domains.bank.bank import Bank
from esworkbench.event_store import EventStore


def main() -> None:
    bank = Bank(EventStore.open(sys.stdin.readline().strip(), create=False))
    customers = list(iter(lambda: sys.stdin.readline().strip(), ""))
    all_have_begun = threading.Barrier(len(customers) + 1)
    enough = threading.Event()

    def deposit_again_and_again(own: str) -> int:
        written = 0
        while not enough.is_set():
            for account in ("joint", own):
                cent = Deposit(account_id=account, amount_minor=1, currency="USD", reference=f"{own}-{written}")
                bank.handle(cent, actor=own, attempts=1000)
            written += 1
            if written == 1:
                all_have_begun.wait()
        return written

    with ThreadPoolExecutor(len(customers)) as pool:
        counts = [pool.submit(deposit_again_and_again, customer) for customer in customers]
        all_have_begun.wait()
        print("writing", flush=True)
        sys.stdin.read()
        enough.set()
    print(sum(count.result() for count in counts), flush=True)


if __name__ == "__main__":
    main()
