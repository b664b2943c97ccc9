"""The event store: append, read, publish after commit, hash chain; on SQLite and PostgreSQL.

- `store`: the store itself
- `drafts`: events checked, encoded, and given their place
- `chain`: the hash chain of a stream
- `engine`: what the store asks of a database
- `sqlite/`: SQLite's answer
- `postgres/`: PostgreSQL's, and a server for people without one
- `schema`: the store's own tables
- `columns`: moments, positions and names as SQL has them
- `database`: opening a database; transactions that write
- `cursors`: driver connections kept at hand
- `guards`: append-only in the database itself; making tables; grants
- `triggers`: the triggers that it takes
- `missing_guards`: which of them are not in place
- `strict_json`: JSON that every reader reads the same
- `participants`: appends in which others take part
- `anchors/`: what the log held up to a position, signed and kept outside it
- `sidecar`: the folder outside for what must not live inside
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
