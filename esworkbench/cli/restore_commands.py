"""Commands for restoring a store from a good copy: compare-logs, carry-over."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.options import DomainName, EvidencePath, Json, Ledger
from esworkbench.cli.output import answer, table
from esworkbench.cli.terminal import terminal
from esworkbench.composition import capture_to_verify
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.logs import MEANING, LogComparison, compare_logs
from esworkbench.forensics.repair.apply import require_digest
from esworkbench.forensics.repair.carry_over import carry_over as carry
from esworkbench.forensics.repair.plan import require_no_password

Anchors = Annotated[
    Path | None, typer.Option(help="Where the damaged store's anchors are kept: which later events are genuine.")
]

Keys = Annotated[
    list[Path] | None, typer.Option(help="The public key of those whose anchors you trust; may be repeated.")
]


def compare(
    good: Annotated[str, typer.Argument(metavar="GOOD", help="The good copy: evidence, or a store.")],
    damaged: Annotated[str, typer.Argument(metavar="DAMAGED", help="The damaged log: evidence, or a store.")],
    anchors: Anchors = None,
    key: Keys = None,
    ledger: Ledger = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """A damaged log against a good copy of its past: what differs, and which of the events that came after are genuine.

    Exit code 1 means that something differs, or that something later is not as it was.
    """
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        before = _evidence(good, Path(folder) / "good", ledger, domain)
        after = _evidence(damaged, Path(folder) / "damaged", ledger, domain)
        found = compare_logs(before, after, anchors, key or [])

    answer(_as_document(found), lambda console: _say(console, found), as_json=json, found=_is_damaged(found))


def carry_over(
    evidence: EvidencePath,
    into: Annotated[str, typer.Option(help="The store that was restored from the good copy, and holds nothing more.")],
    operator: Annotated[str, typer.Option(help="Who answers for it: goes into the log.")],
    store: Annotated[
        str | None, typer.Option(help="The damaged store, for its idempotency keys, which evidence doesn't hold.")
    ] = None,
    anchors: Anchors = None,
    key: Keys = None,
    apply: Annotated[bool, typer.Option("--apply", help="Really append; without it, only say what would be.")] = False,
    digest: Annotated[
        str | None, typer.Option(help="The evidence's SHA-256 as its capture printed it; --apply needs it.")
    ] = None,
    json: Json = False,
) -> None:
    """Carry over into a restored store what came after its copy was made, from evidence of the damaged one.

    What is whole keeps its bytes, hashes and positions; what is anchored but follows something lost is appended again;
    nothing else is carried over. A dry run unless --apply. Exit code 1 means that something could not be carried over.
    """
    require_no_password(operator)
    damaged = Evidence.open(evidence)
    if apply:
        if digest is None:
            raise UnusableInput(
                f"nothing is appended without the digest that the capture of {evidence} printed: --digest"
            )
        require_digest(damaged, digest)
    with _captured(into) as good:
        found = compare_logs(good, damaged, anchors, key or [])
    done = None
    if apply:
        for sentence in _unvouched(found):  # before anything is written
            terminal(stderr=True).print(sentence, markup=False)
        restored = EventStore.open(into, create=False)
        keys = None if store is None else EventStore.open(store, create=False)
        done = carry(found, damaged, restored, operator=operator, keys=keys)
    left = [each for each in found.later if each.verdict not in ("as it was", "again")]

    def prose(console: Console) -> None:
        _say(console, found)
        if done is None:
            console.print("nothing was written: add --apply and --digest, with what capture printed, to do it")
            return
        console.print(
            f"{done.as_they_were:,} events carried over as they were, {done.again:,} appended again, {done.keys:,} "
            f"idempotency keys kept; {len(left):,} events not carried over"
        )
        if store is None:
            console.print("no idempotency keys came along (--store): a client that tries once more is served twice")

    document = {
        **_as_document(found), "applied": done is not None, "carried": None if done is None else done._asdict(),
        "not_carried": [each._asdict() for each in left], "into": address_of(parse_url(into)),
    }  # fmt: skip
    answer(document, prose, as_json=json, found=bool(left))


@contextmanager
def _captured(url: str) -> Iterator[Evidence]:
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        yield capture_to_verify(url, Path(folder) / "good")


def _evidence(source: str, into: Path, ledger: Path | None, domain: str | None) -> Evidence:
    if "://" not in source and Path(source).is_dir():
        return Evidence.open(source)
    return capture_to_verify(source, into, ledger=ledger, domain=domain)


def _is_damaged(found: LogComparison) -> bool:
    apart = found.difference_count or found.good_astray or found.without_event
    return bool(apart or any(each.verdict != "as it was" for each in found.later))


def _unvouched(found: LogComparison) -> list[str]:
    """Whose word nobody vouched for, and what it is worth; nothing where every leaf is covered by a trusted key."""
    if found.anchored_up_to is None or found.trusted_up_to >= found.anchored_up_to:
        return []
    named = ", ".join(f"{each[:16]}…" for each in found.strangers[:4])
    return [
        f"the anchors after position {found.trusted_up_to:,} are signed with a key that nobody vouched for ({named}), "
        f"so that an event there is genuine is only {found.otherwise}: bring the key from its owner (--key)"
    ]


def _as_document(found: LogComparison) -> dict[str, Any]:
    return {
        **found._asdict(), "differences": [each._asdict() for each in found.differences],
        "later": [each._asdict() for each in found.later], "counts": found.counts(),
        "excused": [each._asdict() for each in found.excused],
    }  # fmt: skip


def _say(console: Console, found: LogComparison) -> None:
    console.print(
        f"up to position {found.good_head:,}: {found.shared:,} events alike, {found.difference_count:,} differ"
    )
    if found.differences:
        columns = ["kind", "position", "stream_id", "version", "event_id", "columns"]
        rows = [[*each[:5], ", ".join(each.columns)] for each in found.differences]
        console.print(table("what the damaged log holds otherwise", columns, rows))
    if found.good_astray is None:
        console.print("no anchors were given: which later events are genuine rests on the chain of each stream alone")
    elif found.good_astray:
        console.print(f"[bold]the good copy parts from the anchors in {found.good_astray:,} places[/bold]", markup=True)
    for verdict, count in found.counts().items():
        console.print(f"after it, {verdict}: {count:,} ({MEANING[verdict]})")
    for sentence in _unvouched(found):
        console.print(sentence, markup=False)
    if found.without_event:
        places = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in found.without_event)
        console.print(
            f"after it, no event at {places}, where SQLite leaves no position out: something was taken away, or never "
            "got there", markup=False,
        )  # fmt: skip
    for each in found.excused:
        console.print(
            f"after it, {len(each.positions):,} position{'s' * (len(each.positions) != 1)} without an event that a "
            f"record of a restoration in this log excuses (event {each.event_id} at {each.position}): whoever writes "
            "to the log can write one, so ask who restored it, and hold it against anchors", markup=False,
        )  # fmt: skip
    left = [each for each in found.later if each.verdict != "as it was"]
    if left:
        columns = ["verdict", "proof", "position", "stream_id", "version", "event_id", "event_type", "strength"]
        console.print(table("later events that are not as they were", columns, [list(each) for each in left]))
