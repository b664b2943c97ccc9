"""What a user has just done, that user sees; nobody is ever shown anything older than the read model."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import msgspec
import pytest
from read_side import BothSides, deposit

from esworkbench.cqrs.read_your_writes import ReadYourWrites
from esworkbench.domains.bank import Transfer
from esworkbench.domains.bank.queries import Balance, BalanceOfAccount, HistoryOfAccount
from esworkbench.event_store import write_transaction
from esworkbench.projections.tables import dead_letters

BALANCE = BalanceOfAccount(account_id="pm", currency="USD")
HISTORY = HistoryOfAccount(account_id="pm", currency="USD")


@pytest.fixture
def reads(sides: BothSides) -> ReadYourWrites:
    reads = ReadYourWrites(sides.queries.bus, timer=sides.waiting.timer)
    sides.store.subscribe(reads.see)
    return reads


def minor(balance: Balance | None) -> int:
    assert balance is not None
    return balance.balance_minor


def test_the_writer_sees_the_write_at_once_and_others_see_it_once_the_read_model_has_it(
    sides: BothSides, reads: ReadYourWrites
) -> None:
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    own = reads.ask("ada", BALANCE)
    assert (own.value, own.version, own.from_own_write, own.stale) == (Balance("pm", "USD", 600_00), 3, True, False)
    assert own.lag.positions == 1
    assert minor(reads.ask("bob", BALANCE).value) == 100_00
    assert sides.waiting.pauses == []
    sides.catch_up()
    assert minor(reads.ask("bob", BALANCE).value) == 600_00


def test_the_read_model_wins_as_soon_as_it_has_got_as_far(sides: BothSides, reads: ReadYourWrites) -> None:
    """Another process appended, so nobody here was told; what is kept must not hide it for 30 seconds."""
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    elsewhere = BothSides(sides.store.engine.url.render_as_string(hide_password=False))
    elsewhere.store.new_id = lambda: "of-another-process"
    elsewhere.bank.handle(deposit("pm", 7))
    assert minor(reads.ask("ada", BALANCE).value) == 600_00
    sides.catch_up()
    answer = reads.ask("ada", BALANCE)
    assert (minor(answer.value), answer.version, answer.from_own_write) == (600_07, 4, False)
    elsewhere.store.engine.dispose()


def test_a_later_event_ends_the_state_but_not_the_promise(sides: BothSides, reads: ReadYourWrites) -> None:
    """Dropping the entry whole would show a balance from before the user's own deposit."""
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    sides.bank.handle(deposit("pm", 7))
    sides.waiting.meanwhile[3] = sides.catch_up
    answer = reads.ask("ada", BALANCE)
    assert (minor(answer.value), answer.from_own_write, len(sides.waiting.pauses)) == (600_07, False, 3)


def test_a_reply_that_comes_again_brings_no_overtaken_state_back(sides: BothSides, reads: ReadYourWrites) -> None:
    """The command was repeated with its idempotency key: its reply is the first one, and others wrote since."""
    first = sides.bank.handle(deposit("pm", 500_00), idempotency_key="k-1")
    reads.remember("ada", first)
    sides.bank.handle(deposit("pm", 7))
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00), idempotency_key="k-1"))
    sides.waiting.meanwhile[3] = sides.catch_up
    answer = reads.ask("ada", BALANCE)
    assert (minor(answer.value), answer.from_own_write) == (600_07, False)


def test_a_read_model_that_never_comes_is_said_to_be_stale(sides: BothSides, reads: ReadYourWrites) -> None:
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    sides.bank.handle(deposit("pm", 7))
    answer = reads.ask("ada", BALANCE, at_most_seconds=1.0)
    assert (minor(answer.value), answer.stale, answer.lag.positions) == (100_00, True, 2)


def test_ones_own_next_write_takes_the_place_of_the_last(sides: BothSides, reads: ReadYourWrites) -> None:
    first = sides.bank.handle(deposit("pm", 500_00))
    reads.remember("ada", first)
    reads.remember("ada", sides.bank.handle(deposit("pm", 7)))
    assert minor(reads.ask("ada", BALANCE).value) == 600_07
    reads.remember("ada", first)
    assert minor(reads.ask("ada", BALANCE).value) == 600_07


def test_what_the_state_cant_answer_waits_for_the_read_model(sides: BothSides, reads: ReadYourWrites) -> None:
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    sides.waiting.meanwhile[2] = lambda: sides.catch_up("transaction_history")
    page = reads.ask("ada", HISTORY).value
    assert page.transactions[0].amount_minor == 500_00
    assert len(sides.waiting.pauses) == 2
    other_currency = BalanceOfAccount(account_id="pm", currency="EUR")
    sides.waiting.meanwhile[3] = sides.catch_up
    assert reads.ask("ada", other_currency).value is None


def test_one_read_model_that_caught_up_says_nothing_about_another(sides: BothSides, reads: ReadYourWrites) -> None:
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    sides.catch_up("account_balances")
    assert reads.ask("ada", BALANCE).from_own_write is False
    sides.waiting.meanwhile[1] = lambda: sides.catch_up("transaction_history")
    assert reads.ask("ada", HISTORY).value.transactions[0].amount_minor == 500_00


def test_a_transfer_between_ones_own_accounts_is_seen_on_both(sides: BothSides, reads: ReadYourWrites) -> None:
    """The reply is the sender's. Without more the money would have left one account and not come to the other."""
    sides.open_account("savings")
    sides.catch_up()
    transfer = Transfer(
        transfer_id="t", from_account="pm", to_account="savings", amount_minor=40_00, currency="USD", reference="r"
    )
    reads.remember("ada", sides.bank.handle(transfer, actor="ada"))
    savings = BalanceOfAccount(account_id="savings", currency="USD")
    assert minor(reads.ask("ada", BALANCE).value) == 60_00
    assert minor(reads.ask("bob", savings).value) == 0
    assert reads.ask("ada", savings, at_most_seconds=0).stale is True
    sides.waiting.meanwhile[1] = sides.catch_up
    assert minor(reads.ask("ada", savings).value) == 40_00


def test_after_30_seconds_one_reads_as_everybody_does(sides: BothSides, reads: ReadYourWrites) -> None:
    reads.remember("ada", sides.bank.handle(deposit("pm", 500_00)))
    sides.waiting.now += 29.9
    assert minor(reads.ask("ada", BALANCE).value) == 600_00
    sides.waiting.now += 0.2
    answer = reads.ask("ada", BALANCE)
    assert (minor(answer.value), answer.stale) == (100_00, False)


def test_no_more_writes_are_kept_than_were_asked_for_and_the_oldest_go_first(sides: BothSides) -> None:
    reads = ReadYourWrites(sides.queries.bus, timer=sides.waiting.timer, most_writes=2)
    reply = sides.bank.handle(deposit("pm", 500_00))
    for user in ("ada", "bob", "cy"):
        reads.remember(user, reply)
    seen = {user: minor(reads.ask(user, BALANCE).value) for user in ("ada", "bob", "cy")}
    assert seen == {"ada": 100_00, "bob": 600_00, "cy": 600_00}


def test_a_write_that_the_projection_had_to_park_is_shown_to_its_writer_all_the_same(
    sides: BothSides, reads: ReadYourWrites
) -> None:
    reply = sides.bank.handle(deposit("pm", 500_00))
    reads.remember("ada", reply)
    sides.catch_up()
    with write_transaction(sides.store.engine) as connection:
        letter = {
            "projection": "account_balances", "position": reply.position, "event_id": "e", "event_type": "e",
            "schema_version": 1, "error": "e", "run_id": "r", "parked_at": sides.store.clock(),
        }  # fmt: skip
        connection.execute(dead_letters.insert(), letter)
    answer = reads.ask("ada", BALANCE)
    assert (minor(answer.value), answer.from_own_write, answer.parked) == (600_00, True, True)
    sides.bank.handle(deposit("pm", 7))
    answer = reads.ask("ada", BALANCE)
    assert (answer.stale, answer.parked, sides.waiting.pauses) == (True, True, [])


def test_many_threads_may_share_one(sides: BothSides) -> None:
    """More users than places, and four that write and read at once: each reads its own write back."""
    sides.store.new_id = lambda: str(uuid4())
    reads = ReadYourWrites(sides.queries.bus, most_writes=5)
    sides.store.subscribe(reads.see)
    accounts = [f"a{number}" for number in range(4)]
    for account in accounts:
        sides.open_account(account)

    def work(account: str) -> None:
        for number in range(1, 16):
            user = f"{account}-{number}"
            reads.remember(user, sides.bank.handle(deposit(account, 1)))
            query = BalanceOfAccount(account_id=account, currency="USD")
            assert minor(reads.ask(user, query).value) == number

    all_at_once([partial(work, account) for account in accounts])


def test_what_is_kept_holds_together_however_often_threads_change_places(sqlite_url: str) -> None:
    """Nothing but the memory, as fast as it goes, with threads that interrupt each other after every few bytecodes."""
    sides = BothSides(sqlite_url)
    sides.open_account("pm")
    reply = sides.bank.handle(deposit("pm", 1))
    reads = ReadYourWrites(sides.queries.bus, most_writes=5)
    later = [msgspec.structs.replace(sides.store.read_stream("BankAccount-pm")[-1], version=9)]

    def remember(name: str) -> None:
        for number in range(10_000):
            reads.remember(f"{name}-{number % 7}", reply)

    def see() -> None:
        for _ in range(10_000):
            reads.see(later)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        all_at_once([partial(remember, "ada"), partial(remember, "bob"), see])
    finally:
        sys.setswitchinterval(interval)
    sides.store.engine.dispose()


def all_at_once(works: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, all starting together; raises what any of them raises."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        gate.wait(timeout=60)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result()
