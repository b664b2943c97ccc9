"""The case as one page that needs no script, font or second file. Every value from data is escaped."""

import json
from importlib.resources import files
from typing import Any

from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.investigation.investigate import Inquiry
from esworkbench.version import __version__


def render(inquiry: Inquiry, evidence: Evidence, *, picture: str | None = None, title: str | None = None) -> str:
    """The report as HTML. ``picture`` is a data: URI of a plot, drawn by the caller."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files("esworkbench.forensics.investigation").joinpath("report.html.j2").read_text(encoding="utf-8")
    )

    def money(amount: int | None, currency: str | None = inquiry.currency) -> str:
        return "—" if amount is None or currency is None else evidence.money(amount, currency)

    return template.render(
        title=title or (f"Account {inquiry.account}" if inquiry.account is not None else "The whole ledger"),
        inquiry=inquiry,
        faults=FAULTS,
        money=money,
        picture=picture,
        cut=_cut(evidence),
        events=_events(evidence, inquiry.culprits),
        tested=sorted(inquiry.diagnosis.tested.items()),
        unexplained=[
            [each.account, each.currency, each.source, each.amount, each.at_position, each.words]
            for each in inquiry.unexplained
        ],
        hashes=[["manifest.json", evidence.digest], *sorted(evidence.manifest.files.items())],
        version=__version__,
    )


def _cut(evidence: Evidence) -> list[list[Any]]:
    manifest = evidence.manifest
    cut, judge = manifest.cut, evidence.judged_by
    rows: list[list[Any]] = [
        ["source", manifest.source],
        ["layout", manifest.layout],
        ["judged by the ledger", f"{judge.name}, {judge.origin} (SHA-256 {judge.sha256})"],
        ["taken at, by the server's clock", cut.server_time.isoformat() if cut.server_time else None],
        ["highest position", cut.high_water],
        ["events", manifest.rows.get("events", 0)],
    ]
    rows += [[f"checkpoint of {name}", position] for name, position in sorted(cut.checkpoints.items())]
    rows += [[f"decimals of {currency}", decimals] for currency, decimals in (manifest.decimals or {}).items()]
    if manifest.order is not None:
        rows += [[f"account-days whose order is {verdict}", count] for verdict, count in manifest.order.items()]
    rows += [["assumed", assumption] for assumption in manifest.assumptions]
    rows += [[f"events without a rule in the ledger: {name}", count] for name, count in manifest.unposted.items()]
    return rows


def _events(evidence: Evidence, positions: list[int]) -> list[dict[str, Any]]:
    found = evidence.connection().execute(
        "SELECT position, stream_id, version, event_id, type, schema_version, recorded_at, valid_at, prev_hash, hash, "
        "metadata, payload FROM events WHERE position IN (SELECT unnest($positions)) ORDER BY position LIMIT 20",
        {"positions": positions},
    )
    names = [column[0] for column in found.description]
    events = []
    for row in found.fetchall():
        event = dict(zip(names, row, strict=True))
        payload = event.pop("payload")
        events.append({"fields": [[name, str(value)] for name, value in event.items()], "payload": _indented(payload)})
    return events


def _indented(payload: str) -> str:
    """Indented for reading; a payload that isn't JSON is shown as it is."""
    try:
        laid_out = json.dumps(json.loads(payload, parse_float=str), indent=2, ensure_ascii=False)
        laid_out.encode("utf-8")
    except (ValueError, RecursionError):
        return payload
    return laid_out
