from esworkbench.event_store.database import open_database as open_database
from esworkbench.event_store.database import write_transaction as write_transaction
from esworkbench.event_store.drafts import ANY_VERSION as ANY_VERSION
from esworkbench.event_store.drafts import StreamAppend as StreamAppend
from esworkbench.event_store.engine import Idempotency as Idempotency
from esworkbench.event_store.store import AppendResult as AppendResult
from esworkbench.event_store.store import EventStore as EventStore
