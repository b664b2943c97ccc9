"""Capture: a store or a file, frozen as evidence at one cut. Nothing is written to the source.

capture           from a store or a file to evidence
opening           what a source is, and whose events it holds
regular_file      a path that leads to a file, before anybody opens it
source            what a capture reads from: one cut, at a pace
sqlite_opening    one cut of a SQLite file in any journal mode
sqlite_guard      a process that holds SQLite's locks on it meanwhile
postgres_opening  one snapshot of a PostgreSQL database, its assumptions proved
store             a store of this package: read models first, then the log
claims            what its read models, snapshots and statements say the balances are
file              a bank's own delimited file with running balances
delimited         its rows, read as the ledger describes them
ordering          an order inside each day in which the balances chain
poster            what each event posts, by the ledger
statement_file    a bank statement as CSV
shipped_ledgers   the ledgers of the built-in domains, and which one is meant
progress          progress bars on stderr, or none
"""
