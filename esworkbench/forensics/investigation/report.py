"""The case as one page that needs no script, font or second file. Every value from data is escaped.

It is read by three people, in this order. The manager: what happened, how much, who else, is it fixed. The engineer:
which event, whose code, and the SQL that shows it without this tool. The auditor: what was frozen, by which hashes it
is known, what was tested and what was not and why, and who had it in hand.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.challenge.challenge import COLUMNS, Challenge
from esworkbench.forensics.compare.unposted import unposted_events, unposted_in_words
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.findings import FOUND, NOT_TESTABLE, RULED_OUT, Decided, Finding
from esworkbench.forensics.diagnosis.reach import decided_in_words
from esworkbench.forensics.diagnosis.shares import per_cent
from esworkbench.forensics.investigation.bends import Bend, StandingClaim
from esworkbench.forensics.investigation.case import CaseEntry
from esworkbench.forensics.investigation.investigate import Inquiry
from esworkbench.forensics.investigation.seven_steps import InquiryStep
from esworkbench.forensics.investigation.sql_without_us import ENGINES, queries
from esworkbench.kept_files import opened, read_all, unique_json
from esworkbench.shown import printable
from esworkbench.version import __version__

SHOWN = 20
"""So many events, bends and decisions are shown; the page says how many there are."""


def render(
    inquiry: Inquiry,
    evidence: Evidence,
    *,
    picture: str | None = None,
    bends: Sequence[Bend] = (),
    standing: StandingClaim | None = None,
    drawn: str | None = None,
    title: str | None = None,
    case: Sequence[CaseEntry] = (),
    challenge: Challenge | None = None,
    handlers: Mapping[str, str] | None = None,
) -> str:
    """The report as HTML.

    ``picture`` is a data: URI of a plot, drawn by the caller, of what ``drawn`` claims; ``bends`` and ``standing`` are
    what differs in it. ``case`` is what was recorded, ``challenge`` what planted faults showed, ``handlers`` where each
    projection's code is.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_seen
    )
    environment.tests["amount"] = lambda cell: isinstance(cell, _Amount)
    environment.tests["time"] = lambda cell: isinstance(cell, _Time)
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
        moment=moment,
        picture=picture,
        # for the manager
        happened=_happened(inquiry, evidence),
        since=_since(inquiry, evidence),
        who_else=_who_else(inquiry),
        reach=_reach(inquiry, evidence),
        decided=_decided(inquiry.diagnosis.decided, evidence),
        fixed=_fixed(inquiry),
        shares=[
            [
                currency, per_cent(each.cleared), per_cent(each.timely), per_cent(each.complete),
                per_cent(each.unexplained, upwards=True),
            ]
            for currency, each in inquiry.diagnosis.shares.items()
        ],
        bends=[
            [each.position, _Time(moment(each.at)), _Amount(money(each.by)), _Amount(money(each.then)), each.why]
            for each in bends[:SHOWN]
        ],
        standing=standing,
        drawn=drawn,
        more_bends=max(0, len(bends) - SHOWN),
        # for the engineer
        steps=[_with_money(step, inquiry, evidence) for step in inquiry.steps],
        culprits=len(inquiry.culprits),
        events=_events(evidence, inquiry.culprits),
        runs=(runs := _runs(evidence, inquiry.culprits)),
        code=[[name, where] for name, where in sorted((handlers or {}).items()) if name in {run[0] for run in runs}],
        sql=[(engine, found) for engine in ENGINES if (found := queries(inquiry, evidence, engine))],
        # for the auditor
        cut=_cut(evidence),
        tested=_tested(inquiry.diagnosis.tested, FOUND),
        ruled_out=_tested(inquiry.diagnosis.tested, RULED_OUT),
        untested=[
            [name, result.removeprefix(NOT_TESTABLE)]
            for name, result in sorted(inquiry.diagnosis.tested.items()) if result.startswith(NOT_TESTABLE)
        ],
        unprovable=inquiry.unprovable,
        unposted=unposted_in_words(inquiry.diagnosis.unposted),
        unexplained=[
            [each.account, each.source, _Amount(money(each.amount, each.currency)), each.at_position, each.words]
            for each in inquiry.unexplained
        ],
        case=[[each.number, _Time(moment(each.asked_at)), each.question, _spoken(each.arguments), each.found]
              for each in case],
        repairs=[each for each in case if each.question == "repair" and each.arguments.get("apply")],
        custody=_custody(evidence.path),
        challenge=challenge,
        undetectable=[[each.fault, each.why] for each in challenge.undetectable] if challenge else [],
        not_planted=[[each.fault, each.why] for each in challenge.not_planted] if challenge else [],
        challenged=(COLUMNS, [] if challenge is None else challenge.rows(evidence)),
        hashes=[["manifest.json", evidence.digest], *sorted(evidence.manifest.files.items())],
        version=__version__,
    )  # fmt: skip


def moment(at: datetime | None) -> str:
    """A time as people read it, to the second, in UTC."""
    return "not known" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _seen(value: Any) -> Any:
    """Text from data without what a browser would act on unseen; lines stay lines. Markup of ours is no plain str."""
    return printable(value, keep="\n") if type(value) in (str, _Amount, _Time) else value


def _spoken(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items() if value is not None)


def _happened(inquiry: Inquiry, evidence: Evidence) -> list[str]:
    """What happened, a sentence for each cause, in words that need no glossary."""
    sentences = []
    for finding in inquiry.findings:
        if finding.alternative_to is None:
            words = FAULTS[finding.fault].meaning
            others = sorted({each.fault for each in inquiry.findings if each.alternative_to == finding.fault})
            sentences.append(
                f"{words[:1].upper()}{words[1:]}{_worth(finding, evidence)}. {_sure(finding)}"
                + (f" It can't be told from {' or '.join(others)} by what is here." if others else "")
            )
    mine = [each for each in inquiry.unexplained if inquiry.account in (None, each.account)]
    if mine:
        amounts = ", ".join(
            evidence.money(each.amount, each.currency) for each in mine[:3] if each.amount and each.currency
        )
        sentences.append(
            f"{len(mine)} difference{'s' * (len(mine) != 1)} that nothing explains: {amounts or 'see below'}."
        )
    return sentences or ["Nothing is wrong that could be tested here."]


def _worth(finding: Finding, evidence: Evidence) -> str:
    if finding.currency is None or not finding.amount:
        return ""
    side = "more" if finding.amount > 0 else "less"
    amount = evidence.money(abs(finding.amount), finding.currency)
    return f": {finding.source or 'what is claimed'} shows {amount} {side} than the events add up to"


def _sure(finding: Finding) -> str:
    return {
        "proven": "This is proven.",
        "likely": "This is likely, and not proven.",
        "possible": "This is possible; other causes were not ruled out.",
    }[finding.certainty] + (" It needs no repair." if finding.healthy else "")


def _since(inquiry: Inquiry, evidence: Evidence) -> str | None:
    """When the first event that a finding names was recorded."""
    if not inquiry.culprits:
        return None
    [(first,)] = evidence.rows(
        "SELECT min(recorded_at) FROM events WHERE position IN (SELECT unnest($positions::BIGINT[]))",
        positions=inquiry.culprits,
    )
    return None if first is None else moment(first)


def _who_else(inquiry: Inquiry) -> str:
    found = [each for each in inquiry.diagnosis.unhealthy if each.account is not None]
    touched = {name for each in found for name in (each.account, *each.elsewhere)}
    if touched and touched <= {inquiry.account}:
        return "Nobody: the same faults were looked for on every account, and no other has them."
    return inquiry.reach_sentence


def _reach(inquiry: Inquiry, evidence: Evidence) -> list[list[Any]]:
    """Each fault over all accounts: how many, how much, from when to when."""
    return [
        [
            fault, each.accounts or "the store as a whole",
            ", ".join(evidence.money(amount, currency) for currency, amount in sorted(each.amounts.items()) if amount),
            "—" if each.first is None else f"{moment(each.first_at)}, position {each.first}",
            "—" if each.last is None else f"{moment(each.last_at)}, position {each.last}",
        ]
        for fault, each in inquiry.diagnosis.reach.items()
    ]  # fmt: skip


def _decided(decided: Decided | None, evidence: Evidence) -> str | None:
    """What was decided on wrong balances; None where the ledger doesn't say what is decided on one."""
    if decided is None:
        return None
    words = decided_in_words(decided, evidence.money)
    return f"{words[:1].upper()}{words[1:]}."


def _fixed(inquiry: Inquiry) -> str:
    repair = inquiry.repair
    if not inquiry.diagnosis.unhealthy and not inquiry.unexplained:
        return "Nothing needs to be fixed."
    if repair.applied and inquiry.verified:
        where = f" on {repair.applied_to}" if repair.applied_to else ""
        return f"Yes{where}: the repair was made, read again, and claims and events agree."
    if repair.applied:
        return f"Not yet: a repair was made on {repair.applied_to}, and something still differs."
    return "Not yet: nothing was repaired. What to do stands with each finding below."


def _with_money(step: InquiryStep, inquiry: Inquiry, evidence: Evidence) -> dict[str, Any]:
    """A step with its minor units as people write amounts."""
    columns = [column.replace(", minor units", "").replace("minor units", "amount") for column in step.columns]
    rows = [
        [_in_words(cell, inquiry.currency if number in step.amounts else None, evidence)
         for number, cell in enumerate(row)]
        for row in step.rows
    ]  # fmt: skip
    return {"step": step, "columns": columns, "rows": rows}


def _in_words(cell: Any, currency: str | None, evidence: Evidence) -> Any:
    """An amount where a currency is given; a time of a step in the page's own way."""
    if currency is not None and isinstance(cell, int):
        return _Amount(evidence.money(cell, currency))
    if isinstance(cell, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", cell):
        return _Time(cell.removesuffix("Z") + " UTC")
    return cell


class _Amount(str):
    """An amount in words, set flush right as a number is. Of digits, marks and a currency's code."""

    __slots__ = ()


class _Time(str):
    """A time in words, kept on one line."""

    __slots__ = ()


def _tested(tested: Mapping[str, str], result: str) -> list[str]:
    return sorted(name for name, each in tested.items() if each == result)


def _cut(evidence: Evidence) -> list[list[Any]]:
    manifest = evidence.manifest
    cut, judge = manifest.cut, evidence.judged_by
    rows: list[list[Any]] = [
        ["evidence (SHA-256 of its manifest)", evidence.digest],
        ["source", manifest.source],
        ["layout", manifest.layout],
        ["judged by the ledger", f"{judge.name}, {judge.origin} (SHA-256 {judge.sha256})"],
        ["taken at, by the server's clock", moment(cut.server_time) if cut.server_time else None],
        ["highest position", cut.high_water and f"{cut.high_water:,}"],
        ["events", f"{manifest.rows.get('events', 0):,}"],
    ]
    rows += [[f"checkpoint of {name}", f"{position:,}"] for name, position in sorted(cut.checkpoints.items())]
    rows += [["positions that no event holds", _gaps(evidence)]] if cut.gaps else []
    rows += [
        [f"decimals of {currency}", "nobody says" if decimals is None else str(decimals)]
        for currency, decimals in (manifest.decimals or {}).items()
    ]
    if manifest.order is not None:
        rows += [[f"account-days whose order is {verdict}", f"{count:,}"] for verdict, count in manifest.order.items()]
    rows += [["assumed", assumption] for assumption in manifest.assumptions]
    unposted = unposted_events(evidence)
    rows += [[f"events without a rule in the ledger: {name}", f"{count:,}"] for name, count in unposted.items()]
    rows += [["captured by", f"esworkbench {manifest.tool_version}"]]
    return rows


def _gaps(evidence: Evidence) -> str:
    cut = evidence.manifest.cut
    listed = ", ".join(f"{first:,}–{last:,}" if last > first else f"{first:,}" for first, last in cut.gaps[:SHOWN])
    more = len(cut.gaps) - SHOWN + cut.gaps_left_out
    return listed + (f" and {more:,} more" if more > 0 else "")


def _events(evidence: Evidence, positions: list[int]) -> list[dict[str, Any]]:
    found = evidence.connection().execute(
        "SELECT position, stream_id, version, event_id, type, schema_version, recorded_at, valid_at, prev_hash, hash, "
        "metadata, payload FROM events WHERE position IN (SELECT unnest($positions)) ORDER BY position "
        f"LIMIT {SHOWN}",
        {"positions": positions},
    )
    names = [column[0] for column in found.description]
    events = []
    for row in found.fetchall():
        event = dict(zip(names, row, strict=True))
        payload = event.pop("payload")
        fields = [[name, moment(value) if isinstance(value, datetime) else str(value)] for name, value in event.items()]
        events.append({"fields": fields, "payload": _indented(payload)})
    return events


def _runs(evidence: Evidence, positions: list[int]) -> list[list[Any]]:
    """Which run of which projection read the named events, by which version of its code."""
    rows = evidence.rows(
        "SELECT DISTINCT projection, run_id, code_version, from_position, to_position, saved_at FROM checkpoint_log "
        "WHERE EXISTS (SELECT 1 FROM (SELECT unnest($positions::BIGINT[]) AS position) "
        f"    WHERE position BETWEEN from_position AND to_position) ORDER BY ALL LIMIT {SHOWN}",
        positions=positions,
    )
    return [
        [projection, run, version, f"{first}–{last}", _Time(moment(saved))]
        for projection, run, version, first, last, saved in rows
    ]


def _custody(evidence: Path) -> list[list[Any]] | None:
    """The custody log beside the evidence, as it stands there; None where there is none. Its chain isn't checked."""
    path = evidence.resolve().with_name(evidence.resolve().name + ".custody.jsonl")
    try:
        with opened(path, os.O_RDONLY, links=False) as descriptor:
            content = read_all(descriptor, path)
    except FileNotFoundError:
        return None
    except (OSError, UnusableInput) as error:
        return [["", f"{path.name} can't be read: {error}", "", "", "", ""]]
    return [_custody_row(number, line) for number, line in enumerate(content.splitlines(), start=1)]


def _custody_row(number: int, line: bytes) -> list[Any]:
    try:
        found = unique_json(line)
        return [number, *(str(found.get(name) or "") for name in ("at", "host", "operator", "command", "reason"))]
    except (ValueError, RecursionError, AttributeError):
        return [number, "this line is no entry", "", "", "", ""]


def _indented(payload: str) -> str:
    """Indented for reading; a payload that isn't JSON is shown as it is."""
    try:
        laid_out = json.dumps(json.loads(payload, parse_float=str), indent=2, ensure_ascii=False)
        laid_out.encode("utf-8")
    except (ValueError, RecursionError):
        return payload
    return laid_out
