"""Our own append with one protection switched off at a time, for the benchmark only: what each of them costs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

from benchmarks.ours import Append
from esworkbench.event_store import EventStore, drafts
from esworkbench.event_store.chain import GENESIS
from esworkbench.event_store.guards import drop_guards

EVERYTHING = "everything on"
NO_HASH = "without the hash chain"
NO_KEY = "without the idempotency key"
NO_JSON_CHECK = "without the strict JSON check"
NO_GUARDS = "without the append-only guards"
NO_LOCK = "without the writers' shared lock"
NO_JSONB = "without the JSONB copy"
NOTHING = "without any of these"

ON_SQLITE = (NO_HASH, NO_KEY, NO_JSON_CHECK, NO_GUARDS)
ON_POSTGRESQL = (*ON_SQLITE, NO_LOCK, NO_JSONB)

SQL_TO_SWITCH_OFF = {
    NO_LOCK: "DROP TRIGGER events_share_lock ON events",
    NO_JSONB: "ALTER TABLE events DROP COLUMN payload_json",
}


def names(engine: str) -> list[str]:
    return [EVERYTHING, *(ON_SQLITE if engine == "sqlite" else ON_POSTGRESQL), NOTHING]


class AppendWithout(Append):
    """``append`` on a store of its own, where the named protection is off."""

    def __init__(self, store: EventStore, size: int, per_commit: int, name: str) -> None:
        super().__init__(store, size, per_commit)
        self.name = name
        everything = ON_SQLITE if store.engine.dialect.name == "sqlite" else ON_POSTGRESQL
        off = everything if name == NOTHING else (name,)
        self.with_key = NO_KEY not in off
        self._patches: list[Callable[[], AbstractContextManager[Any]]] = []
        if NO_HASH in off:
            self._patches.append(lambda: patch.object(drafts, "event_hash", _no_hash))
        if NO_JSON_CHECK in off:
            self._patches.append(lambda: patch.object(drafts, "check_json_object", _no_check))
        with store.engine.begin() as connection:
            if NO_GUARDS in off:
                drop_guards(connection)
            for protection in off:
                if protection in SQL_TO_SWITCH_OFF:
                    connection.exec_driver_sql(SQL_TO_SWITCH_OFF[protection])
        store.engine.dispose()

    def work(self) -> None:
        with ExitStack() as stack:
            for each in self._patches:
                stack.enter_context(each())
            super().work()


def _no_hash(*_fields: object) -> str:
    return GENESIS


def _no_check(_name: str, encoded: bytes) -> bytes:
    return encoded
