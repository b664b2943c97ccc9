"""A small bank is as it was made whenever it is asked for, whatever an answer has done to it."""

from sqlalchemy import text

from esworkbench.course.small_bank import as_made
from esworkbench.domains.bank import Bank, OpenAccount
from esworkbench.event_store import EventStore, write_transaction


def _one_account(store: EventStore) -> None:
    Bank(store).handle(OpenAccount(account_id="ACC-1", owner="Ada", currency="USD"))


def _tables(store: EventStore) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")))


def test_it_is_put_back_whatever_was_done_to_it() -> None:
    store = as_made(_one_account)
    events, tables = store.read_all(), _tables(store)
    Bank(store).handle(OpenAccount(account_id="ACC-2", owner="Ada", currency="USD"))
    with write_transaction(store.engine) as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    again = as_made(_one_account)
    assert (again.read_all(), _tables(again)) == (events, tables)


def test_it_is_made_anew_where_somebody_has_left_a_transaction_open() -> None:
    store = as_made(_one_account)
    with write_transaction(store.engine) as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
        again = as_made(_one_account)
        assert [event.stream_id for event in again.read_all()] == ["BankAccount-ACC-1"]
        assert "notes" not in _tables(again)


def test_two_banks_are_two() -> None:
    def nothing(_: EventStore) -> None:
        pass

    assert as_made(nothing).read_all() == []
    assert len(as_made(_one_account).read_all()) == 1
