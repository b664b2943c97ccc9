"""The peer's read model on PostgreSQL."""

from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg.sql import SQL

CREATE = SQL(
    "CREATE TABLE IF NOT EXISTS balances (account_id text, currency text, balance_minor bigint, position bigint,"
    " PRIMARY KEY (account_id, currency))"
).format()
ADD = (
    "INSERT INTO balances VALUES (%s, %s, %s, %s) ON CONFLICT (account_id, currency) DO UPDATE SET"
    " balance_minor = balances.balance_minor + excluded.balance_minor, position = excluded.position"
)


class PostgresBalances(PostgresTrackingRecorder):
    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(CREATE)

    def add(self, account_id: str, currency: str, amount_minor: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(ADD, (account_id, currency, amount_minor, tracking.notification_id), prepare=True)
            self._insert_tracking(cursor, tracking)

    def clear(self) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM balances")
