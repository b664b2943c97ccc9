"""The facts of a case as SQL for anybody's client: what an engineer runs to see them without this tool.

Written from the ledger, the account and the positions of the findings, for the tables that this package's stores have;
of a store with another layout nobody here knows the tables' columns. Every name from data is quoted.
"""

from collections.abc import Iterable
from typing import NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.capture import OWN_LAYOUT
from esworkbench.evidence.ledger import PostingRule
from esworkbench.forensics.investigation.investigate import Inquiry
from esworkbench.shown import printable

ENGINES = ("SQLite", "PostgreSQL")
MOST_NAMES = 50


class StoreQuery(NamedTuple):
    """One fact: what it shows, and the SQL that prints it. The SQL has one statement and ends in a semicolon."""

    shows: str
    sql: str


def queries(inquiry: Inquiry, evidence: Evidence, engine: str) -> list[StoreQuery]:
    """The facts of the account in dispute in an engine's SQL; none where the store's tables aren't known."""
    account, currency = inquiry.account, inquiry.currency
    if evidence.manifest.layout != OWN_LAYOUT or account is None or currency is None:
        return []
    streams = [
        stream
        for (stream,) in evidence.rows(
            "SELECT DISTINCT stream_id FROM postings WHERE account = $account ORDER BY 1", account=account
        )
    ]
    names = (account, currency, *streams)
    if len(streams) > MOST_NAMES or any(printable(name) != name for name in names):
        return []
    found = []
    if inquiry.culprits:
        places = ", ".join(map(str, inquiry.culprits[:MOST_NAMES]))
        found.append(
            StoreQuery(
                "the events that the findings name",
                "SELECT global_position, stream_id, version, event_id, event_type, schema_version, recorded_at,\n"
                f"    payload FROM events WHERE global_position IN ({places}) ORDER BY global_position;",
            )
        )
    if streams:
        found.append(_event_sum(evidence, engine, account, currency, streams))
    for model in evidence.ledger.read_model:
        if model.kind == "head" and evidence.checkpoint(model.projection) is not None:
            found.append(
                StoreQuery(
                    f"what {model.table} claims, in minor units",
                    f"SELECT {_name(model.claimed)} FROM {_name(model.table)} WHERE {_name(model.account)} = "
                    f"{_text(account)} AND {_name(model.currency)} = {_text(currency)};",
                )
            )
    if not evidence.manifest.cut.checkpoints:
        return found
    found.append(
        StoreQuery("how far each projection has read", "SELECT projection, position, updated_at FROM checkpoints;")
    )
    if inquiry.culprits:
        covering = " OR ".join(
            f"{position} BETWEEN from_position AND to_position" for position in inquiry.culprits[:MOST_NAMES]
        )
        found.append(
            StoreQuery(
                "the runs, and the version of their code, that read these events",
                "SELECT projection, run_id, code_version, from_position, to_position, saved_at FROM checkpoint_log\n"
                f"WHERE {covering} ORDER BY id;",
            )
        )
    return found


def _event_sum(evidence: Evidence, engine: str, account: str, currency: str, streams: Iterable[str]) -> StoreQuery:
    """Each rule of the ledger is one line of the sum. A store that has gone on since is summed up to the cut."""
    parts = [
        part
        for rule in evidence.ledger.posting
        if rule.sign != 0 and rule.currency in (None, currency)
        for part in [_posted(evidence, engine, rule, account, currency)]
    ]
    listed = ", ".join(_text(stream) for stream in streams)
    upto = evidence.manifest.cut.high_water or 0
    lines = "\n  + ".join(parts)
    sql = (
        f"SELECT SUM(\n    {lines}\n  ) AS event_sum_minor\nFROM events\nWHERE stream_id IN ({listed}) "
        f"AND global_position <= {upto};"
    )
    return StoreQuery(f"what the account's events add up to by the ledger, in minor units, up to position {upto}", sql)


def _posted(evidence: Evidence, engine: str, rule: PostingRule, account: str, currency: str) -> str:
    conditions = [f"event_type = {_text(rule.event)}"]
    if rule.versions is not None:
        conditions.append(f"schema_version IN ({', '.join(map(str, rule.versions))})")
    if rule.currency_field is not None:
        conditions.append(f"{_field(engine, rule.currency_field)} = {_text(currency)}")
    if rule.account != "stream":
        conditions.append(f"{_field(engine, rule.account)} = {_text(account)}")
    amount = _amount(engine, rule, evidence.decimals(currency))
    sign = "-" if rule.sign == -1 else ""
    return f"CASE WHEN {' AND '.join(conditions)} THEN {sign}{amount} ELSE 0 END"


def _amount(engine: str, rule: PostingRule, decimals: int | None) -> str:
    """Minor units. SQLite has no decimals: an amount in whole units is exact there up to 15 digits."""
    field = _field(engine, rule.amount)
    if rule.scale == "minor":
        return f"CAST({field} AS {'INTEGER' if engine == 'SQLite' else 'numeric'})"
    places = decimals or 0
    if engine == "SQLite":
        return f"CAST(REPLACE(PRINTF('%.{places}f', {field}), '.', '') AS INTEGER)"
    return f"ROUND(CAST({field} AS numeric) * {10**places})"


def _field(engine: str, path: str) -> str:
    names = path.split(".")
    if engine == "SQLite":
        return f"json_extract(payload, {_text('$' + ''.join(f'.{_name(name)}' for name in names))})"
    return (
        "(CAST(payload AS jsonb)" + "".join(f" -> {_text(name)}" for name in names[:-1]) + f" ->> {_text(names[-1])})"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
