"""A process of a bank at work, as ``python bank_at_work.py URL writer|runner SEED``: until its input closes."""

import random
import sys
import threading

from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner


def write(store: EventStore, seed: str, ended: threading.Event) -> int:
    bank, choose, done = Bank(store), random.Random(seed), 0
    own = f"W{seed}"
    bank.handle(OpenAccount(account_id=own, owner="Ada", currency="USD"))
    while not ended.is_set():
        account = choose.choice([own, "A1"])  # both writers want A1
        deposit = Deposit(account_id=account, amount_minor=choose.randint(1, 99), currency="USD", reference=f"{done}")
        try:
            bank.handle(deposit)
        except ConcurrencyError:
            continue
        done += 1
    return done


def run(store: EventStore, ended: threading.Event) -> int:
    runners = [ProjectionRunner(store, make(), bank_decoder(), run_id="at-work") for make in BANK_PROJECTIONS.values()]
    while not ended.is_set():
        for runner in runners:
            runner.catch_up()
        ended.wait(0.02)
    return 0


if __name__ == "__main__":
    url, part, seed = sys.argv[1:]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    store = EventStore.open(url, create=False)
    print("ready", flush=True)
    print(write(store, seed, ended) if part == "writer" else run(store, ended), flush=True)
