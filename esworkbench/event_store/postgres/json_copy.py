"""PostgreSQL's JSONB copy of the payloads, for queries; the text beside it is what was hashed."""

from sqlalchemy import Connection

from esworkbench.event_store.columns import columns_of

ADD_PAYLOAD_JSON = "ALTER TABLE events ADD COLUMN payload_json jsonb GENERATED ALWAYS AS (payload::jsonb) STORED"
"""PostgreSQL only: for queries such as ``payload_json->>'currency'``. Never hashed, never read by the store."""


def add_payload_json(connection: Connection) -> None:
    """Give PostgreSQL's ``events`` its JSONB copy, and SQLite's none.

    Asks first, as an ALTER that does nothing locks the table as well.
    """
    if connection.dialect.name == "postgresql" and "payload_json" not in columns_of(connection, "events"):
        connection.exec_driver_sql(ADD_PAYLOAD_JSON)
