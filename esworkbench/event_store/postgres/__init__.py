"""The log on PostgreSQL.

- `log`: reading, and waiting at gaps
- `append`: writing, in few round trips
- `sql`: the statements
- `sequence`: whether positions are drawn in order
- `durability`: commits that survive a crash
- `json_copy`: payloads as JSONB, for queries
- `local_server`: a server for people without one
"""
