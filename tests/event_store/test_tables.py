"""The names a person with ``psql`` or ``sqlite3`` looks for, and that checks written by others rely on."""

from sqlalchemy import inspect

from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from tests.support import make_every_table

STORE = {
    "events": "global_position stream_id version event_id event_type schema_version payload metadata recorded_at"
    " valid_at prev_hash hash",
    "idempotency_keys": "idempotency_key command_digest reply recorded_at",
    "snapshots": "stream_id version state_version state event_shapes event_hash based_on_version taken_at",
    "outbox": "id global_position queued_at published_at",
    "outbox_failures": "global_position stream_id attempts error failed_at next_attempt_at holds_stream",
    "checkpoints": "projection position updated_at",
    "read_models": "projection schema_version settings code_version built_at",
    "checkpoint_log": "id projection shard from_position to_position run_id code_version saved_at",
    "dead_letters": "id projection position event_id event_type schema_version error run_id parked_at",
    "anchors": "position event_count root anchored_at key_id signature leaves log_id previous",
}
READ_MODELS = {
    "account_balances": "account_id currency balance_minor version position",
    "transaction_history": "account_id position event_id event_type amount_minor currency balance_after_minor"
    " recorded_at",
    "daily_summaries": "account_id currency day credits_minor debits_minor closing_minor",
    "pending_withdrawals": "account_id withdrawal_id currency amount_minor requested_at position",
}


def test_tables_and_columns_have_their_names(store_url: str) -> None:
    store = EventStore.open(store_url)
    with store.engine.begin() as connection:
        make_every_table(connection)
        for make in BANK_PROJECTIONS.values():
            make().create_tables(connection)
    found = {
        table: {column["name"] for column in columns}
        for (_, table), columns in inspect(store.engine).get_multi_columns().items()
    }
    found["events"].discard("payload_json")
    assert found == {table: set(columns.split()) for table, columns in (STORE | READ_MODELS).items()}


def test_the_copy_for_queries_stands_beside_the_text_on_postgres(postgres_url: str) -> None:
    columns = inspect(EventStore.open(postgres_url).engine).get_columns("events")
    types = {column["name"]: str(column["type"]) for column in columns}
    assert (types["payload"], types["metadata"], types["payload_json"]) == ("TEXT", "TEXT", "JSONB")
