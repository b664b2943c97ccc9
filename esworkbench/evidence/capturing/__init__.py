"""Capture: a store or a file, frozen as evidence at one cut. Nothing is written to the source.

capture           from a store or a file to evidence
opening           what a source is, and whose events it holds
regular_file      a path that leads to a file, before anybody opens it
source            what a capture reads from: one cut, at a pace
sqlite_opening    one cut of a SQLite file in any journal mode
sqlite_guard      a process that holds SQLite's locks on it meanwhile
postgres_opening  one snapshot of a PostgreSQL database, its assumptions proved
store             a store of this package: read models first, then the log
stored_form       its log, however oddly an event is stored: lossless first
bulk              many rows of it at once, as Arrow
ahead             reading on meanwhile
envelope          what the events' metadata says
gaps              positions that no event holds
fitting           rows of its other tables, however odd
index_checks      each read model through its indexes, and past them
key_records       keys of personal data, and when they were destroyed
claims            what its read models, snapshots and statements say the balances are
file              a bank's own delimited file with running balances
delimited         its rows, read as the ledger describes them
ordering          an order inside each day in which the balances chain
poster            what each event posts, by the ledger
set_based         the same by query, for all events that SQL provably reads as the poster would
json_shapes       that proof
statement_file    a bank statement as CSV
statements        statements as banks send them, recognised by what is in the file
anchors           what was signed of the log, by whom, and what of it the log doesn't hold
shipped_ledgers   the ledgers of the built-in domains, and which one is meant
since             what came later, beside the events that earlier evidence holds
progress          progress bars on stderr, or none
"""
