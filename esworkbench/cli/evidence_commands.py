"""Commands on evidence: freeze it, and ask it questions. Each question is recorded in the case beside it."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import (
    Account,
    Against,
    Currency,
    DomainName,
    EvidencePath,
    Json,
    KnownAt,
    Ledger,
    MaybeAccount,
    Now,
    Require,
    ValidAt,
)
from esworkbench.cli.output import answer, table
from esworkbench.cli.output_files import new_place
from esworkbench.cli.shares import below, say_shares
from esworkbench.cli.terminal import terminal
from esworkbench.composition import capture, capture_to_verify, code_named, domain_of, handlers_for
from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.forensics.compare.unposted import unposted_events, unposted_in_words
from esworkbench.forensics.diagnosis.findings import Decided, FaultReach, Shares
from esworkbench.forensics.diagnosis.reach import decided_in_words, reach_in_words
from esworkbench.forensics.investigation.case import Case, CaseReadOnly
from esworkbench.forensics.investigation.investigate import Handlers
from esworkbench.forensics.investigation.questions import ask, in_words
from esworkbench.forensics.replay.moments import parse_moment
from esworkbench.forensics.replay.replay import Bounds, fold
from esworkbench.forensics.verify import verify as verify_evidence
from esworkbench.money import iso_decimals


def freeze(
    source: Annotated[str, typer.Argument(help="A store's URL, a SQLite file, or a delimited file.")],
    into: Annotated[Path, typer.Option(help="A new folder for the evidence.")],
    ledger: Ledger = None,
    domain: DomainName = None,
    layout: Annotated[str | None, typer.Option(help="The store's layout, where it can't be recognised.")] = None,
    rate_limit: Annotated[float | None, typer.Option(min=1, help="At most this many rows a second.")] = None,
    json: Json = False,
) -> None:
    """Freeze a store or a file as evidence, at one cut, without writing to it."""
    into = new_place(into)
    evidence = capture(source, into, ledger=ledger, domain=domain, layout=layout, rate_limit=rate_limit)
    manifest = evidence.manifest
    accounts = len(evidence.accounts())
    events = manifest.rows["events"]
    document: dict[str, Any] = {
        "evidence": str(into), "digest": evidence.digest, "events": events, "accounts": accounts, "cut": manifest.cut,
        **judge_of(evidence),
        "unposted": manifest.unposted, "problems": manifest.problems, "problem_count": manifest.problem_count,
        "decimals": manifest.decimals, "missing_guards": manifest.missing_guards,
        "assumptions": manifest.assumptions,
    }  # fmt: skip
    if manifest.order is not None:
        document["order"] = manifest.order

    def prose(console: Console) -> None:
        console.print(f"{events:,} events on {accounts:,} accounts, frozen in {into}", markup=False)
        console.print(f"digest (SHA-256 of the manifest), to be noted elsewhere: {evidence.digest}")
        say_judge(console, evidence)
        if manifest.order is not None:
            _print_order(console, manifest.order)
        for currency, decimals in (manifest.decimals or {}).items():
            _tell_scale(console, currency, decimals)
        for kind, count in manifest.unposted.items():
            console.print(f"no rule of the ledger says what {kind} posts: {count:,} events post nothing", markup=False)
        of_files = [problem for problem in manifest.problems if not (problem.stream_id or problem.event_id)]
        for problem in of_files:
            console.print(f"problem: {problem.what}", markup=False)
        if manifest.problem_count > len(of_files):
            columns = ["stream_id", "version", "event_id", "what"]
            rows = [[getattr(each, column) for column in columns] for each in manifest.problems if each not in of_files]
            title = f"{manifest.problem_count - len(of_files):,} events or rows don't fit the ledger's rules"
            console.print(table(title, columns, rows))

    answer(document, prose, as_json=json, next_command=f"esworkbench diff {quote(str(into))}")


def replay(
    evidence: EvidencePath,
    account: Account,
    currency: Currency = None,
    at: ValidAt = None,
    known_at: KnownAt = None,
    version: Annotated[int | None, typer.Option(min=1, help="Up to this version of the account's stream.")] = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Balance and state as of a moment, on either time axis, or as of a version."""
    arguments = {"account": account, "currency": currency, "at": at, "known_at": known_at, "version": version}
    opened = open_agreeing(evidence)
    handlers = handlers_for(domain_of(opened, domain))
    found = _asked(opened, "replay", arguments)
    words = in_words(opened, "replay", found)
    state = _state(opened, handlers, account, at, known_at, version)

    def prose(console: Console) -> None:
        recorded = found["recorded_at"] or "at a time that the log doesn't tell"
        console.print(
            f"[bold]{escape(words)}[/bold] after "
            f"{found['events']:,} events, the last at position {found['position']}, recorded {recorded}",
            markup=True,
        )
        if found["undated"]:
            console.print(f"left out, since the log doesn't tell their time: {found['undated']:,} events")
        say_judge(console, opened)
        for name, value in (state or {}).items():
            console.print(f"  {name}: {value}", markup=False)

    answer({**found, "state": state, **judge_of(opened)}, prose, as_json=json)


def diff(evidence: EvidencePath, against: Against = None, json: Json = False) -> None:
    """Every balance assertion that differs from the events, each compared at its own cut. Lag is not corruption."""
    opened = open_agreeing(evidence)
    found = _asked(opened, "diff", {"against": against})
    columns = ["account", "currency", "source", "kind", "claimed", "event_sum", "delta", "at_position"]

    def prose(console: Console) -> None:
        console.print(f"{found['compared']:,} balance assertions compared, {found['divergent']:,} diverge")
        _say_unposted(console, found["unposted"])
        say_judge(console, opened)
        if found.get("order"):
            _print_order(console, found["order"])
        if found["rows"]:
            console.print(table("divergent", columns, [[row[name] for name in columns] for row in found["rows"]]))
        if apart := found["wrong_columns"]:
            names = ["account", "currency", "source", "column", "says", "event_says", "position"]
            title = "rows that say otherwise of their event than it does"
            console.print(table(title, names, [[row[name] for name in names] for row in apart]))
        if odd := found["odd_claims"]:
            console.print(table("claims that are not stored as amounts", ["claim"], [[each] for each in odd]))

    wrong = any(found[name] for name in ("divergent", "unposted", "wrong_columns", "odd_claims"))
    next_command = f"esworkbench diagnose {quote(str(evidence))}" if wrong else None
    document = {**found, **judge_of(opened)}
    answer(document, prose, as_json=json, found=wrong, next_command=next_command)


def bisect(
    evidence: EvidencePath, account: Account, currency: Currency = None, against: Against = None, json: Json = False
) -> None:
    """The first event at which claims and events differ."""
    arguments = {"account": account, "currency": currency, "against": against}
    opened = open_agreeing(evidence)
    found = _asked(opened, "bisect", arguments)
    diverges = found["position"] is not None

    def prose(console: Console) -> None:
        say_judge(console, opened)
        _say_unposted(console, unposted_events(opened))
        if not diverges:
            console.print(f"no divergence, after {found['probes']} probes")
            return
        delta = escape(Evidence.open(evidence, verify=False).money(found["delta"], found["currency"]))
        if found["event_id"] is None:
            console.print(
                f"first divergence at position [bold]{found['position']}[/bold]: {delta}. {escape(found['note'])}",
                markup=True,
            )
            return
        console.print(
            f"first divergence at position [bold]{found['position']}[/bold], version {found['version']}, event "
            f"{escape(str(found['event_id']))}: {delta}, "
            f"in {found['probes']} probes" + ("" if found["sound"] else " (a boundary, not proven to be the first)"),
            markup=True,
        )

    answer({**found, **judge_of(opened)}, prose, as_json=json, found=diverges)


def verify(
    source: Annotated[
        str, typer.Argument(metavar="EVIDENCE-or-URL", help="Evidence, or a store: a URL or a SQLite file.")
    ],
    anchors: Annotated[
        Path | None, typer.Option(help="An anchor, or a folder of them, that was kept away from the store.")
    ] = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="The public key of those whose anchors you trust; may be repeated.")
    ] = None,
    authority_certificate: Annotated[
        Path | None, typer.Option(help="The certificates (PEM) of the timestamp authority that you trust.")
    ] = None,
    ledger: Ledger = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Hash chains, anchors, timestamps, gaps, structure; and what can't be proven from here.

    Anchors, keys and certificates that are named are asked and not kept: `evidence add` keeps anchors and keys.
    """

    def verified(evidence: Evidence) -> dict[str, Any]:
        return verify_evidence(evidence, authority=authority_certificate).as_json()

    given = Additions(anchors=[anchors] if anchors else [], keys=key or [])
    if "://" in source or Path(source).is_file():
        with tempfile.TemporaryDirectory() as folder:
            opened = capture_to_verify(source, Path(folder) / "evidence", ledger=ledger, domain=domain)
            opened = add_to(opened, given) if any(given) else opened
            found = verified(opened)
    elif any(given) and ledger is None and domain is None:
        with tempfile.TemporaryDirectory() as folder:
            whole = Evidence.open(source)
            opened = add_to(_copied(whole, Path(folder) / "evidence"), given)
            opened.digest = whole.digest  # what is told is of that
            found = verified(opened)
    elif ledger is not None or domain is not None:
        raise UnusableInput(f"{source} was judged when it was captured: leave --ledger and --domain out")
    else:
        opened = Evidence.open(source)
        found = verified(opened) if authority_certificate else _asked(opened, "verify", {})

    def prose(console: Console) -> None:
        console.print(f"{found['events']:,} events in {found['streams']:,} streams, {len(found['breaks'])} breaks")
        say_judge(console, opened)
        if found["breaks"]:
            columns = list(found["breaks"][0])
            console.print(table("breaks", columns, [[each[name] for name in columns] for each in found["breaks"]]))
        if found["anchors"]:
            columns = ["position", "count", "anchored_at", "key_id", "origins", "signature", "trusted", "stands"]
            console.print(table("anchors", columns, [_anchor_row(each, columns) for each in found["anchors"]]))
        for each in found["timestamps"]:
            if each["outcome"] == "signed":
                console.print(each["words"], markup=False)
        for sentence in found["unprovable"]:
            console.print(f"unprovable: {sentence}", markup=False)

    answer({**found, **judge_of(opened)}, prose, as_json=json, found=bool(found["breaks"]))


def _copied(evidence: Evidence, into: Path) -> Evidence:
    """The same evidence where something may be added to it: its files aren't written again, so a link will do."""

    def linked(one: str, other: str) -> str:
        try:
            os.link(one, other)
        except OSError:
            shutil.copyfile(one, other)
        return other

    shutil.copytree(evidence.path, into, copy_function=linked)
    return Evidence.open(into, verify=False)


def _anchor_row(verdict: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    said = {**verdict, "key_id": f"{verdict['key_id'][:16]}…", "origins": ", ".join(verdict["origins"])}
    return [said[name] for name in columns]


def diagnose(
    evidence: EvidencePath,
    account: MaybeAccount = None,
    now: Now = None,
    projection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A read model's own code, or yours as module:object, replayed as proof."),
    ] = None,
    domain: DomainName = None,
    require: Require = None,
    json: Json = False,
) -> None:
    """Name the faults, and say what was tested and what wasn't."""
    arguments = {"account": account, "now": now, "projection": projection}
    opened = open_agreeing(evidence)
    code = None if projection is None else code_named(projection, domain_of(opened, domain))
    found = _asked(opened, "diagnose", arguments, {"projection": code})
    wrong = [finding for finding in found["findings"] if not finding["healthy"]]
    shares = msgspec.convert(found["shares"], dict[str, Shares])

    def prose(console: Console) -> None:
        opened = Evidence.open(evidence, verify=False)
        for finding in found["findings"]:
            console.print(
                f"[bold]{finding['fault']}[/bold]{escape(_whose(finding, opened))}, {finding['certainty']}", markup=True
            )
            console.print(f"  {finding['proof']}", markup=False)
            console.print(f"  remedy: {finding['remedy']}", markup=False)
        for each in found["unexplained"]:
            console.print(f"unexplained: {each['words']}", markup=False)
        _say_unposted(console, found["unposted"])
        if _balances_agree(found, opened):
            console.print("no balance differs from its events" + (f" on {account}" if account else ""), markup=False)
        results = [word.partition(":")[0] for word in found["tested"].values()]
        _say_reach(console, found, opened)
        say_shares(console, shares, require)
        counts = ", ".join(f"{results.count(word)} {word}" for word in ("found", "ruled_out", "not_testable"))
        console.print(f"{len(results)} faults: {counts}")
        say_judge(console, opened)

    document = {**found, **judge_of(opened)}
    worth_a_look = bool(wrong or found["unexplained"] or found["unposted"])
    answer(document, prose, as_json=json, found=worth_a_look or below(shares, require))


def _asked(
    evidence: Evidence,
    question: str,
    arguments: Mapping[str, Any],
    code: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask the question of the evidence and record it in the case; ``code`` is the code that arguments name, loaded."""
    found = ask(evidence, question, {**arguments, **(code or {})})
    asked(evidence, question, arguments, found)
    return found


def asked(evidence: Evidence, question: str, arguments: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Record in the case what was asked and found. On a read-only medium it is only said that it isn't recorded."""
    try:
        Case(evidence.path).record(question, arguments, found, in_words(evidence, question, found))
    except CaseReadOnly as error:
        terminal(stderr=True).print(str(error), markup=False)


def _whose(finding: Mapping[str, Any], evidence: Evidence) -> str:
    if finding["account"] is None:
        return ""
    return f" on {finding['account']}: {evidence.money(finding['amount'], finding['currency'])}"


def ask_again(
    evidence: Evidence, question: str, arguments: Mapping[str, Any], typed: str | None, domain: str | None
) -> dict[str, Any]:
    """A question of a case, once more. Code that it names is built in, or the very code ``typed`` now: a case is data,
    and nothing is loaded from what it says. Raises UnusableInput."""
    named = arguments.get("projection")
    if not isinstance(named, str):
        return ask(evidence, question, arguments)
    if ":" in named and named != typed:
        raise UnusableInput(
            f"the case needs the code {named!r}, and code is loaded only if the command line names it: if you trust "
            f"it, add --projection {named}"
        )
    return ask(evidence, question, {**arguments, "projection": code_named(named, domain_of(evidence, domain))})


def _state(
    evidence: Evidence,
    handlers: Handlers | None,
    account: str,
    at: str | None,
    known_at: str | None,
    version: int | None,
) -> dict[str, Any] | None:
    """The account by its own code, where we have that code and the account has a stream to itself.

    Code that can't read the stream doesn't keep the balance from being shown: the error is shown beside it.
    """
    stream = evidence.own_stream(account)
    if handlers is None or stream is None:
        return None
    bounds = Bounds(parse_moment(at) if at else None, parse_moment(known_at) if known_at else None, version)
    made = partial(handlers.new_aggregate, account)
    try:
        return fold(evidence, stream, made, handlers.decoder, bounds=bounds).state()
    except EsworkbenchError as error:
        return {"unreadable": str(error)}


def _say_reach(console: Console, found: Mapping[str, Any], evidence: Evidence) -> None:
    """Whom else each cause touches, and what was decided meanwhile."""
    reach = msgspec.convert(found["reach"], dict[str, FaultReach])
    for sentence in reach_in_words(reach, evidence.money):
        console.print(sentence, markup=False)
    decided = msgspec.convert(found["decided"], Decided | None)
    if decided is not None and (decided.count or decided.unknown_since):
        console.print(decided_in_words(decided, evidence.money), markup=False)


def _say_unposted(console: Console, unposted: Mapping[str, int]) -> None:
    for sentence in unposted_in_words(unposted):
        console.print(sentence, markup=False)


def _balances_agree(found: Mapping[str, Any], evidence: Evidence) -> bool:
    """True where balances were compared and none differs; a day of a file without an order leaves that open."""
    open_days = any(each["account"] is not None for each in found["unexplained"])
    return evidence.ledger.posts and not found["divergences"] and not open_days


def _tell_scale(console: Console, currency: str, decimals: int | None) -> None:
    """A note on a currency that isn't counted as everybody would expect."""
    official = iso_decimals(currency)
    if decimals is None:
        words = f"nobody says how many decimals {currency} has, so its amounts are shown in minor units: "
        words += "name it under [decimals] in the ledger file and capture again"
    elif decimals != official and official is not None:
        words = f"{currency} is counted with {decimals} decimals, as the ledger says; by ISO 4217 it has {official}"
    else:
        return
    console.print(words, markup=False)


def _print_order(console: Console, order: Mapping[str, int]) -> None:
    found = ", ".join(f"{count:,} {name}" for name, count in order.items())
    console.print(f"account-days by order found: {found}", markup=False)
