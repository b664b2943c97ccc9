"""What a user has just done, that user sees; nobody is ever shown anything older than the read model."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from read_side import BothSides, deposit

from esworkbench.domains.bank.queries import Balance, BalanceOfAccount, HistoryOfAccount
from esworkbench.event_store import write_transaction
from esworkbench.event_store.schema import dead_letters
from esworkbench.read_your_writes import ReadYourWrites

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
    gate = threading.Barrier(len(accounts))

    def work(account: str) -> list[tuple[int, int]]:
        gate.wait(timeout=60)
        seen = []
        for number in range(1, 16):
            reads.remember(f"{account}-{number}", sides.bank.handle(deposit(account, 1)))
            query = BalanceOfAccount(account_id=account, currency="USD")
            seen.append((number, minor(reads.ask(f"{account}-{number}", query).value)))
        return seen

    with ThreadPoolExecutor(len(accounts)) as pool:
        for seen in pool.map(work, accounts):
            assert seen == [(number, number) for number in range(1, 16)]
