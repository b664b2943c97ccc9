"""The main job, put together: where the evidence is from, whose claim it is, what may be repaired, and the report."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from esworkbench.cli.output import table
from esworkbench.cli.output_files import REPORT, new_place, writable_output, write_output
from esworkbench.cli.repairing import repair_scratch_copy, repair_source
from esworkbench.composition import Domain, capture, domain_of, handlers_for
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import address_of, parse_url, sqlite_url
from esworkbench.event_store.sidecar import COMPLAINT, outside_folder
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.capture import OWN_LAYOUT
from esworkbench.evidence.capturing.opening import is_database
from esworkbench.evidence.capturing.regular_file import own_file
from esworkbench.forensics.challenge.challenge import Challenge
from esworkbench.forensics.compare.timeline import timeline
from esworkbench.forensics.investigation.bends import bends, standing
from esworkbench.forensics.investigation.case import Case
from esworkbench.forensics.investigation.investigate import DisputedBalance, Inquiry, investigate
from esworkbench.forensics.investigation.report import render
from esworkbench.kept_files import decoded
from esworkbench.lab import KEY_BESIDE, Complaint, build_incident
from esworkbench.plots import as_data_uri, balance_figure

BUILT_IN_FAULT = "unresolved_pending"
SCALE = "full"
UNDER_WAY = ".under-way"
"""A file that is there as long as an investigation works in its folder."""


def run_investigation(
    source: str | None,
    account: str | None,
    currency: str | None,
    claimed: int | None,
    out: Path | None,
    ledger: Path | None,
    domain: str | None,
    told: Console,
) -> tuple[Inquiry, Evidence, Path]:
    """Build the built-in incident where no source is named, then capture, ask, repair, report.

    Returns the inquiry, the evidence and the report's path.

    With a source, the repair is tried on a scratch copy made from the evidence; the source itself is never written to.
    """
    with _new_folder(out) as folder:
        return _investigated_in(folder, source, account, currency, claimed, ledger, domain, told)


def _investigated_in(
    folder: Path,
    source: str | None,
    account: str | None,
    currency: str | None,
    claimed: int | None,
    ledger: Path | None,
    domain: str | None,
    told: Console,
) -> tuple[Inquiry, Evidence, Path]:
    built_in = source is None
    if source is None:
        source = sqlite_url(folder / "bank.db")
        told.print("Building eight years of a bank, with one fault in them that nobody wrote down.")
        build_incident(source, fault=BUILT_IN_FAULT, seed=1, scale=SCALE, key_file=folder / KEY_BESIDE, progress=True)
    evidence = capture(source, folder / "evidence", ledger=ledger, domain=domain)
    code = domain_of(evidence, domain)
    claim = _claim(source, account, currency, claimed)
    repair = None
    if built_in:
        repair = repair_source(evidence, source, domain, account)
    elif evidence.manifest.layout == OWN_LAYOUT:
        repair = repair_scratch_copy(evidence, folder, domain, account)
    inquiry = investigate(
        evidence, claim=claim, account=account, currency=currency, handlers=handlers_for(code), repairer=repair
    )
    _tell(inquiry, told)
    report = folder / "report.html"
    write_output(report, _page(inquiry, evidence, code), REPORT)
    return inquiry, evidence, report


def shown_source(source: str | None) -> str:
    """What the investigation is of, without credentials."""
    if source is None:
        return "the built-in incident"
    return address_of(parse_url(source)) if is_database(source) else source


def written_report(
    evidence: Evidence, domain: Domain | None, out: Path, account: str | None, currency: str | None,
    challenge: Challenge | None,
) -> Inquiry:  # fmt: skip
    """Ask the questions again and write the page. Nothing is repaired. Raises UnusableInput if ``out`` can't be."""
    writable_output(out, REPORT)
    inquiry = investigate(evidence, account=account, currency=currency, handlers=handlers_for(domain))
    write_output(out, _page(inquiry, evidence, domain, challenge), REPORT)
    return inquiry


@contextmanager
def _new_folder(out: Path | None) -> Iterator[Path]:
    """Where evidence, case and report go: a folder that is empty so far, and is removed again if the work fails.

    Of two that begin at once one is refused: what it removed if it failed would be the other's.
    """
    if out is None:
        out = next(path for number in count(1) if not (path := Path("work") / f"case-{number}").exists())
    out = new_place(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UnusableInput(f"{out} already exists and isn't an empty folder: name a new one with --out")
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableInput(f"{out} can't be created: {error.strerror}; name another folder with --out") from None
    mark = out / UNDER_WAY
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        raise UnusableInput(f"another investigation is under way in {out}: name another folder with --out") from None
    try:
        yield out
    except BaseException:
        for path in out.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        with suppress(OSError):  # somebody else may have put something there meanwhile
            for folder in made:
                folder.rmdir()
        raise
    mark.unlink()


def _claim(source: str, account: str | None, currency: str | None, claimed: int | None) -> DisputedBalance | None:
    """The claim from the command line, else the complaint beside the source, if it is about this account."""
    if claimed is not None and account is not None:
        return DisputedBalance(account, currency, claimed, "the customer")
    if not is_database(source):
        return None
    path = outside_folder(source) / COMPLAINT
    if not os.path.lexists(path):
        return None
    try:
        complaint = decoded(own_file(path).read_bytes(), Complaint)
    except (ValueError, RecursionError) as error:
        raise UnusableInput(f"{path} is no complaint ({error}): mend it, or move it away") from None
    if account not in (None, complaint.account):
        return None
    return DisputedBalance(complaint.account, complaint.currency, complaint.claimed_minor, "the customer")


def _page(inquiry: Inquiry, evidence: Evidence, code: Domain | None = None, challenge: Challenge | None = None) -> str:
    picture, found, now, witness = None, [], None, None
    if inquiry.account is not None and inquiry.currency is not None:
        witness = _witness(inquiry, evidence)
        drawn = timeline(evidence, inquiry.account, inquiry.currency, against=witness, named=inquiry.culprits)
        found = bends(drawn, inquiry.account, inquiry.currency, inquiry.findings, inquiry.unexplained, witness)
        if inquiry.claimed is not None and inquiry.claimed_by not in (None, witness) and inquiry.delta:
            now = standing(
                inquiry.account, inquiry.currency, inquiry.findings, inquiry.unexplained, inquiry.claimed_by or "",
                inquiry.claimed, inquiry.delta,
            )  # fmt: skip
            now = None if not drawn.empty and found and found[-1].then == now.by else now
        figure = balance_figure(
            drawn,
            currency=inquiry.currency,
            decimals=evidence.decimals(inquiry.currency),
            culprits=inquiry.culprits,
            stands=None if now is None else (now.source, now.claimed),
            title=f"account {inquiry.account}" + (f" against {witness}" if witness else ""),
        )
        picture = as_data_uri(figure)
    return render(
        inquiry, evidence, picture=picture, bends=found, standing=now, drawn=witness,
        case=Case(evidence.path).entries(), challenge=challenge, handlers=_handlers(code),
    )  # fmt: skip


def _handlers(code: Domain | None) -> dict[str, str]:
    """Where the code of each projection is, as Python names it."""
    made = {} if code is None else {name: each.projection for name, each in code.read_models.items()}
    return {name: f"{each.__module__}:{getattr(each, '__qualname__', '')}" for name, each in made.items()}


def _witness(inquiry: Inquiry, evidence: Evidence) -> str | None:
    """The source whose claims are drawn: the one that a finding names, else one that claims at every event."""
    assert inquiry.account is not None
    claims = evidence.assertions(inquiry.account, inquiry.currency)
    drawable = [claim.source for claim in claims if claim.kind in ("running", "statement")]
    named = [finding.source for finding in inquiry.findings if finding.source in drawable]
    return next(iter([*named, *drawable]), None)


def _tell(inquiry: Inquiry, told: Console) -> None:
    """The investigation, to be read from top to bottom."""
    told.print()
    told.print(f"[bold]{escape(inquiry.question)}[/bold]", markup=True)
    for step in inquiry.steps:
        told.print()
        told.print(f"[bold]{step.number}. {escape(step.title)}[/bold]", markup=True)
        told.print(f"   {step.answer}", markup=False)
        if step.rows:
            told.print(table("", step.columns, step.rows, limit=8))
    told.print()
    told.print(f"[bold]verdict:[/bold] {escape(inquiry.verdict)}", markup=True)
    for finding in inquiry.findings:
        told.print(f"   {finding.fault}: {finding.proof}", markup=False)
    told.print(f"   {inquiry.reach_sentence}", markup=False)
