"""The peer's read model on SQLite."""

from eventsourcing.persistence import Tracking
from eventsourcing.sqlite import SQLiteTrackingRecorder

CREATE = (
    "CREATE TABLE IF NOT EXISTS balances (account_id TEXT, currency TEXT, balance_minor INTEGER, position INTEGER,"
    " PRIMARY KEY (account_id, currency))"
)
ADD = (
    "INSERT INTO balances VALUES (?, ?, ?, ?) ON CONFLICT (account_id, currency) DO UPDATE SET"
    " balance_minor = balances.balance_minor + excluded.balance_minor, position = excluded.position"
)


class SqliteBalances(SQLiteTrackingRecorder):
    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), CREATE]

    def add(self, account_id: str, currency: str, amount_minor: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(ADD, (account_id, currency, amount_minor, tracking.notification_id))
            self._insert_tracking(cursor, tracking)

    def clear(self) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("DELETE FROM balances")
