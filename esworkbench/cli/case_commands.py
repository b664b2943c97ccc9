"""Commands on a whole case: investigate, repair, report, case."""

from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.custody import evidence_made
from esworkbench.cli.evidence_commands import ask_again
from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import Currency, DomainName, EvidencePath, Json, Ledger, MaybeAccount, Require
from esworkbench.cli.output import answer, table
from esworkbench.cli.repairing import repair_store, rows_of
from esworkbench.cli.shares import below, say_shares
from esworkbench.cli.terminal import terminal
from esworkbench.composition import domain_of
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import open_agreeing, require_agreement
from esworkbench.forensics.compare.unposted import unposted_in_words
from esworkbench.forensics.investigation.case import ACTS, Ask, Case, InWords
from esworkbench.forensics.investigation.investigate import Repair
from esworkbench.forensics.investigation.questions import in_words
from esworkbench.forensics.repair.plan import RepairPlan, require_no_password

INCLUDED = {"investigate": ("diff", "diagnose"), "report": ("diff", "diagnose")}
"""What an investigation and a report ask by themselves."""


def investigate(
    source: Annotated[str | None, typer.Argument(help="A store or a file; absent: the built-in incident.")] = None,
    account: MaybeAccount = None,
    currency: Currency = None,
    claimed: Annotated[int | None, typer.Option(help="What the balance is said to be, in minor units.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for evidence, case and report.")] = None,
    ledger: Ledger = None,
    domain: DomainName = None,
    require: Require = None,
    json: Json = False,
) -> None:
    """The whole investigation: seven steps from a wrong balance to a verified repair and a report.

    A SOURCE is never written to: the repair is tried and verified on a scratch copy.
    """
    if claimed is not None and account is None:
        raise UnusableInput("--claimed says what a balance should be, but not whose: add --account")
    from esworkbench.cli.investigation import run_investigation, shown_source

    told = terminal(stderr=json)
    inquiry, evidence, report = run_investigation(source, account, currency, claimed, out, ledger, domain, told)
    document: dict[str, Any] = {
        "account": inquiry.account, "currency": inquiry.currency, "claimed": inquiry.claimed,
        "event_sum": inquiry.event_sum, "delta": inquiry.delta, "claimed_by": inquiry.claimed_by,
        "decimals": inquiry.decimals,
        "verdict": inquiry.verdict, "steps": inquiry.steps, "findings": inquiry.findings,
        "unexplained": inquiry.unexplained, "unposted": inquiry.diagnosis.unposted, "reach": inquiry.reach,
        "reach_of_each_fault": inquiry.diagnosis.reach,
        "decided_on_wrong_balances": inquiry.diagnosis.decided, "shares": inquiry.diagnosis.shares,
        "repair": inquiry.repair, "other_accounts": inquiry.other_accounts,
        "verified": inquiry.verified, "report": str(report), **judge_of(evidence),
    }  # fmt: skip
    arguments = {
        "source": shown_source(source), "account": account, "currency": currency, "claimed": claimed, "domain": domain,
    }  # fmt: skip
    evidence_made(evidence.path)
    Case(evidence.path).record("investigate", arguments, document, inquiry.verdict)
    settled = not inquiry.diagnosis.unhealthy and not inquiry.unexplained
    unposted = inquiry.diagnosis.unposted
    next_command = f"esworkbench case {quote(str(report.parent / 'evidence'))}"

    def prose(console: Console) -> None:
        say_judge(console, evidence)
        for sentence in unposted_in_words(unposted):
            console.print(sentence, markup=False)
        say_shares(console, inquiry.diagnosis.shares, require)
        console.print(f"report: {report}", markup=False)

    found = (
        bool(unposted)
        or not (settled or (inquiry.verified and not inquiry.other_accounts))
        or below(inquiry.diagnosis.shares, require)
    )
    answer(document, prose, as_json=json, found=found, next_command=next_command)


def repair(
    evidence: EvidencePath,
    store: Annotated[str, typer.Option(help="The store the evidence was captured from.")],
    operator: Annotated[str, typer.Option(help="Who answers for it: goes into the appended events.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Really append and rebuild; without it, only say what would be done.")
    ] = False,
    digest: Annotated[
        str | None, typer.Option(help="The evidence's SHA-256 as its capture printed it; --apply needs it.")
    ] = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Append compensating events, or rebuild. A dry run unless --apply; safe to run twice; verified afterwards.

    Money moves only where the cause is proven; the rest is held back and says why. A read model whose cause is only
    possible is rebuilt where a replay of its own code, on a copy, puts it right. Rows that a rebuild replaces are
    kept beside the evidence.
    """
    require_no_password(operator)
    opened = open_agreeing(evidence)
    record = Case(evidence)
    record.require_writable()

    def show(planned: RepairPlan) -> None:
        if apply:
            terminal(stderr=True).print(table("plan", ["step", "what", "state"], rows_of(planned.steps)))

    found = repair_store(opened, store, domain, operator=operator, really=apply, digest=digest, show=show)

    def prose(console: Console) -> None:
        console.print(table("done" if apply else "plan", ["step", "what", "state"], found.rows))
        for path in found.kept:
            console.print(f"the rows as they were are kept in {path}", markup=False)
        say_judge(console, opened)
        if not apply:
            console.print("nothing was written: add --apply and --digest, with what capture printed, to do it")
        else:
            console.print(
                "verified: claims and events agree"
                if found.verified
                else "NOT verified: claims and events still differ"
            )

    document = {
        "plan": [dict(zip(("step", "what", "state"), row, strict=True)) for row in found.rows],
        "applied": found.applied, "verified": found.verified, "event_ids": found.event_ids, "kept": found.kept,
        **judge_of(opened),
    }  # fmt: skip
    arguments = {"store": address_of(parse_url(store)), "operator": operator, "apply": apply, "domain": domain}
    record.record("repair", arguments, document, _repair_in_words(found))
    answer(document, prose, as_json=json, found=not found.verified)


def _repair_in_words(found: Repair) -> str:
    state = "verified" if found.verified else "not verified"
    if not found.applied:
        return f"{len(found.rows)} steps planned, nothing written; {state}"
    done = sum(row[2] == "applied" for row in found.rows)
    return (
        f"{done} of {len(found.rows)} steps applied, events appended: {', '.join(found.event_ids) or 'none'}; {state}"
    )


def report(
    evidence: EvidencePath,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    account: MaybeAccount = None,
    currency: Currency = None,
    challenge: Annotated[
        Path | None, typer.Option(help="What `challenge --out` wrote of this evidence: shown in the page.")
    ] = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """The case as one self-contained page."""
    from esworkbench.cli.challenge_command import read_challenge
    from esworkbench.cli.investigation import written_report

    opened = open_agreeing(evidence)
    planted = None if challenge is None else read_challenge(challenge, opened)
    inquiry = written_report(opened, domain_of(opened, domain), out, account, currency, planted)

    def prose(console: Console) -> None:
        console.print(inquiry.verdict, markup=False)
        console.print(str(out), markup=False)
        say_judge(console, opened)

    written = {"sha256": sha256(out.read_bytes()).hexdigest()}
    arguments = {"out": str(out), "account": account, "currency": currency, "domain": domain}
    Case(evidence).record("report", arguments, written, inquiry.verdict)
    wrong = bool(inquiry.diagnosis.unhealthy or inquiry.unexplained or inquiry.diagnosis.unposted)
    answer({"report": str(out), "verdict": inquiry.verdict, **judge_of(opened)}, prose, as_json=json, found=wrong)


def case(
    evidence: EvidencePath,
    replay: Annotated[
        bool, typer.Option("--replay", help="Ask everything again; every answer must be the same.")
    ] = False,
    projection: Annotated[
        str | None, typer.Option(metavar="MODULE:OBJECT", help="Code that a question named: loaded if typed again.")
    ] = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """What was asked of this evidence, what was found, and whether asking again gives the same answers."""
    opened = open_agreeing(evidence)
    kept = Case(evidence)

    def asked(of: Evidence) -> tuple[Ask, InWords]:
        return lambda question, given: ask_again(of, question, given, projection, domain), partial(in_words, of)

    def asked_then(digest: str) -> tuple[Ask, InWords] | None:
        if digest not in earlier:
            return None
        then = Evidence.open(evidence, earlier=digest)
        require_agreement(then)
        return asked(then)

    earlier = {digest for digest, _ in opened.manifest.earlier(opened.path)}
    again = (
        {each.entry.number: each.same for each in kept.replay(*asked(opened), at=cache(asked_then))} if replay else {}
    )
    entries = kept.entries()
    rows: list[list[Any]] = [
        [entry.number, entry.question, _arguments(entry.arguments), entry.found, _same(again.get(entry.number))]
        for entry in entries
    ]
    # What was asked before something was added says nothing of what there is now.
    since = [entry for entry in entries if entry.evidence not in earlier]
    settled = {question for entry in since for question in (entry.question, *INCLUDED.get(entry.question, ()))}
    torn = kept.torn()
    still_open = [question for question in ("diff", "verify", "diagnose") if question not in settled]

    def prose(console: Console) -> None:
        console.print(table(f"case on {evidence}", ["", "asked", "of", "found", "again"], rows, limit=1000))
        if replay and any(entry.question in ACTS for entry in entries):
            console.print(f"what was done ({', '.join(ACTS)}) isn't done again: nothing here vouches for those lines")
        if torn is not None:
            console.print(torn, markup=False)
        if still_open:
            console.print(f"not asked yet: {', '.join(still_open)}")
        for each in opened.manifest.added:
            console.print(
                f"added since the capture, {each.added_at.isoformat()}: {each.kind} {each.name}", markup=False
            )
        say_judge(console, opened)

    document = {
        "entries": entries, "replayed": again or None, "open": still_open, "torn": torn,
        "added": opened.manifest.added, **judge_of(opened),
    }  # fmt: skip
    answer(document, prose, as_json=json, found=not all(again.values()))


def _arguments(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items() if value is not None)


def _same(same: bool | None) -> str:
    return "" if same is None else "same" if same else "DIFFERENT"
