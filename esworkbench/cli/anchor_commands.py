"""Commands that make a log's past provable to others: anchor, prove, timestamp."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from sqlalchemy import select

from esworkbench.cli.options import Json, duration
from esworkbench.cli.output import FOUND, answer, table
from esworkbench.cli.output_files import Kind, anchors_place, writable_output, write_output
from esworkbench.cli.terminal import terminal
from esworkbench.cli.world import fault_of_the_world
from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.anchor import AnchorRefused
from esworkbench.event_store.anchors.files import ANCHORS, KEYS, KeptAnchor, anchors_in, read_anchors
from esworkbench.event_store.anchors.keys import (
    SigningKey,
    create_key,
    key_id_of,
    load_key,
    read_public_key,
    read_public_keys,
)
from esworkbench.event_store.anchors.proof import (
    ConsistencyProof,
    HashedEvent,
    InclusionProof,
    as_json,
    prove_consistency,
    prove_inclusion,
)
from esworkbench.event_store.anchors.timestamps import (
    TOKEN,
    check_token,
    read_token,
    request_token,
    require_authority,
    require_imprint,
    stamped_bytes,
    write_token,
)
from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.event_store.anchors.write import AnchorRun, Rewritten, take_anchor
from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.schema import events
from esworkbench.event_store.sidecar import outside_folder, user_folder
from esworkbench.events import utc_now
from esworkbench.resources import data_path

PROOF = Kind("proof")
TIMESTAMP = Kind("timestamp")
KEY_FILE = "anchor.key"
CHECKER = "check_proof.py"
"""In ``data``: what a stranger checks a proof with."""


def anchor(
    url: Annotated[str, typer.Argument(help="The store.")],
    key: Annotated[
        Path | None, typer.Option(help="An Ed25519 key in PEM; absent: yours, made when it is first needed.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Where anchors and public keys are kept; absent: the store's outside folder.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="Again and again, like 1h or 30m, until it is ended.")] = None,
    only_new: Annotated[
        bool, typer.Option(help="Read only what is new, without holding the log against earlier anchors.")
    ] = False,
    timestamp: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this RFC 3161 authority for a timestamp on the anchor.")
    ] = None,
    json: Json = False,
) -> None:
    """Sign what the log holds now and keep that outside it, so that nobody rewrites the log unseen.

    First the log is held against the anchors that are there: exit code 1 means that it was rewritten, and nothing is
    signed. From cron: `0 * * * * esworkbench anchor URL --json >> anchors.log`; or let --every 1h run as a service.
    """
    pause = duration("--every", every) if every is not None else None
    if pause is not None and json:
        raise UnusableInput("--every has no end, and --json one document: leave out one of them")
    if pause is not None and pause < timedelta(minutes=1):
        raise UnusableInput(f"--every {every!r} is no pause: write it like 1h or 30m")
    if timestamp is not None:
        require_authority(timestamp)
    own = outside_folder(url)
    outside = own if into is None else anchors_place(into, own)
    notes: list[str] = []

    def take() -> AnchorRun:
        store = EventStore.open(url, create=False)
        try:
            if not (outside / ANCHORS).is_dir() and store.head_position() == 0:
                raise UnusableInput("the log is empty, so there is nothing to anchor yet: append its first event")
            outcome = take_anchor(store, outside, _signing_key(key, outside, notes), clock=utc_now, only_new=only_new)
        finally:
            store.engine.dispose()
        latest = outcome.taken or outcome.last
        if timestamp is not None and outcome.rewritten is None and latest is not None:
            _stamp(latest, timestamp)
        return outcome

    if pause is not None:
        keep_anchoring(pause.total_seconds(), take, lambda console, outcome: _say(console, outcome, notes))
    outcome = take()
    answer(
        _as_document(outcome, notes),
        lambda console: _say(console, outcome, notes),
        as_json=json,
        found=outcome.rewritten is not None,
    )


def keep_anchoring(
    seconds: float,
    take: Callable[[], AnchorRun],
    say: Callable[[Console, AnchorRun], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> NoReturn:
    """Take an anchor, say so, and again when so many seconds are over, until the process is ended.

    A database or an authority that is away costs one round, and is told; in the first round it is an error, since then
    its address may be wrong. A rewritten log ends it with exit code 1, an anchor that proves nothing with its sentence.
    """
    console, first = terminal(stderr=False), True
    while True:
        began = clock()
        try:
            outcome = take()
            say(console, outcome)
            if outcome.rewritten is not None:
                raise typer.Exit(FOUND)
        except (typer.Exit, AnchorRefused):
            raise
        except Exception as error:
            sentence = str(error) if isinstance(error, EsworkbenchError) else fault_of_the_world(error)
            if first or sentence is None:
                raise
            console.print(f"no anchor at {moment_text(utc_now())}, and again in {seconds:,.0f} s: {sentence}")
        first = False
        sleep(max(0.0, seconds - (clock() - began)))


def prove(
    event: Annotated[str | None, typer.Argument(help="An event's id, or its global position.")] = None,
    store: Annotated[str | None, typer.Option(help="The store, or evidence of it.")] = None,
    anchors: Annotated[Path | None, typer.Option(help="Where anchors are kept; absent: beside the store.")] = None,
    key: Annotated[Path | None, typer.Option(help="The public key; absent: those beside the anchors.")] = None,
    consistency: Annotated[
        int | None,
        typer.Option(min=1, help="Prove instead that the anchor at this position is the latest one's beginning."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new file for the proof; the event's goes beside it.")] = None,
    json: Json = False,
) -> None:
    """A proof that an event is in the anchored log, which a stranger checks without this tool.

    Give away the proof, the event's file and the public key; the script that checks them is named in the answer.
    """
    if store is None or (event is None) == (consistency is None):
        raise UnusableInput("say which store, and an event or an earlier anchor: prove EVENT --store URL")
    is_evidence = Path(store).is_dir()
    home = Path(store) if is_evidence else outside_folder(store)
    folder = anchors_in(anchors if anchors is not None else home)
    keys = _public_keys(key, folder.parent)
    kept = read_anchors(folder, keys)
    if not kept:
        raise UnusableInput(f"there is no anchor in {folder}: take one with `esworkbench anchor`, or name the folder")
    beside = None if out is None else out.with_name(f"{out.stem}.event.json")
    for path in (out, beside):
        if path is not None:
            writable_output(path, PROOF)
    proof: InclusionProof | ConsistencyProof
    hashed = None
    if consistency is not None:
        proof = prove_consistency(folder, _at(kept, consistency, folder).anchor, kept[-1].anchor)
    else:
        leaf, hashed = (_in_evidence if is_evidence else _in_store)(store, str(event))
        covering = next((each for each in kept if each.anchor.position >= leaf.position), kept[-1])
        proof = prove_inclusion(folder, covering.anchor, leaf)
    content = as_json(proof)
    document: dict[str, Any] = {
        "proof": proof if out is None else str(out), "bytes": len(content), "event": None, "script": data_path(CHECKER)
    }  # fmt: skip
    if hashed is not None:
        document["event"] = hashed if beside is None else str(beside)
    if out is not None:
        write_output(out, content, PROOF)
    if beside is not None and hashed is not None:
        write_output(beside, as_json(hashed), PROOF)

    def prose(console: Console) -> None:
        if out is None:
            for line in content.decode().splitlines():
                console.print(line, markup=False)
        else:
            console.print(f"{len(content):,} bytes in {out}", markup=False)
        files = "PROOF.json EVENT.json KEY.pem" if hashed is not None else "PROOF.json KEY.pem"
        console.print(f"whoever has the public key checks it: python {data_path(CHECKER)} {files}", markup=False)

    answer(document, prose, as_json=json)


def timestamp(
    file: Annotated[Path, typer.Argument(help="An anchor's file, evidence's manifest.json, or any other.")],
    authority: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask this RFC 3161 authority, and keep its answer beside the file."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Check the timestamp that is there against the authority's certificates (PEM).")
    ] = None,
    json: Json = False,
) -> None:
    """A third party's word for when a file was there: ask for it, or check it.

    The authority gets a digest, nothing else. The answer is kept as FILE.tsr, as `openssl ts` reads it.
    """
    if authority is None and certificate is None:
        raise UnusableInput("say whom to ask (--authority URL), or what to check against (--certificate FILE)")
    if authority is not None:
        require_authority(authority)
    token_path = token_path_of(file)
    message = stamped_bytes(file)
    if authority is not None:
        if token_path.exists():
            raise UnusableInput(f"{token_path} is there already: check it with --certificate, or move it away")
        token = request_token(authority, message)
        write_token(token_path, token)
    token = read_token(token_path)
    checked = certificate is not None
    moment = check_token(token, message, certificate) if certificate else require_imprint(token, message)
    document = {"file": str(file), "timestamp": str(token_path), "at": moment, "verified": checked}

    def prose(console: Console) -> None:
        by = "the authority whose certificate was given" if checked else "whoever signed it, unchecked"
        console.print(f"{file} was there at {moment.isoformat()}, says {by} ({token_path})", markup=False)

    answer(document, prose, as_json=json)


def token_path_of(file: Path) -> Path:
    """Where a file's timestamp lies: an anchor's by its position, another's by its full name."""
    from esworkbench.event_store.anchors.files import NAME

    return file.with_suffix(TOKEN) if NAME.fullmatch(file.name) else file.with_name(f"{file.name}{TOKEN}")


def _signing_key(path: Path | None, outside: Path, notes: list[str]) -> SigningKey:
    if path is not None:
        return load_key(path)
    own = user_folder() / KEYS / KEY_FILE
    if own.exists() or own.is_symlink():
        return load_key(own)
    if kept := read_anchors(outside / ANCHORS):
        signed_by = kept[-1].anchor.key_id
        raise UnusableInput(
            f"the anchors in {outside} are signed with the key {signed_by[:16]}…, and there is none at {own}: name its "
            "file with --key"
        )
    made = create_key(own)
    notes.append(f"a new key was made in {own} (0600): keep it, and a copy of it, away from who runs the store")
    return made


def _public_keys(path: Path | None, outside: Path) -> dict[str, bytes]:
    if path is None:
        return dict(read_public_keys(outside / KEYS))
    public_key = read_public_key(path)
    return {key_id_of(public_key): public_key}


def _stamp(kept: KeptAnchor, authority: str) -> None:
    path, message = kept.timestamp_path, kept.anchor.digested_bytes()
    if not path.exists() and not path.is_symlink():
        write_token(path, request_token(authority, message))
        return
    try:
        require_imprint(read_token(path), message)
    except UnusableInput as error:
        raise UnusableInput(
            f"the anchor stands, and no timestamp was asked for, since {path} lies there and is none of it ({error}): "
            "move it away, and run the command again"
        ) from None


def _at(kept: list[KeptAnchor], position: int, folder: Path) -> KeptAnchor:
    found = next((each for each in kept if each.anchor.position == position), None)
    if found is None:
        nearest = sorted(kept, key=lambda each: abs(each.anchor.position - position))[:3]
        there = ", ".join(str(each.anchor.position) for each in nearest)
        raise UnusableInput(f"no anchor in {folder} stands at position {position}; the nearest: {there}")
    return found


def _in_store(url: str, event: str) -> tuple[Leaf, HashedEvent]:
    store = EventStore.open(url, create=False)
    try:
        with store.engine.connect() as connection:
            found = connection.execute(select(events).where(events.c.event_id == event)).mappings().first()
            if found is None and event.isascii() and event.isdigit() and len(event) < 17:
                at = select(events).where(events.c.global_position == int(event))
                found = connection.execute(at).mappings().first()
        if found is None:
            raise UnusableInput(f"no event of the store has the id or the position {event!r}")
        row = {name: found[name] for name in HashedEvent.__struct_fields__}
        return _proved(row, found["global_position"], found["hash"])
    finally:
        store.engine.dispose()


def _in_evidence(folder: str, event: str) -> tuple[Leaf, HashedEvent]:
    from esworkbench.evidence import Evidence

    names = ", ".join("type AS event_type" if name == "event_type" else name for name in HashedEvent.__struct_fields__)
    query = f"SELECT {names}, position, hash FROM events WHERE event_id = $event OR CAST(position AS VARCHAR) = $event"
    found = Evidence.open(folder).rows(f"{query} ORDER BY event_id = $event DESC LIMIT 1", event=event)
    if not found:
        raise UnusableInput(f"no event of the evidence has the id or the position {event!r}")
    *fields, position, event_hash_ = found[0]
    return _proved(dict(zip(HashedEvent.__struct_fields__, fields, strict=True)), position, event_hash_)


def _proved(row: dict[str, Any], position: Any, kept_hash: Any) -> tuple[Leaf, HashedEvent]:
    """The event's leaf and hashed fields, if its content is what its hash says. Raises UnusableInput."""
    try:
        hashed = event_hash(
            row["prev_hash"], row["stream_id"], row["version"], row["event_id"], row["event_type"],
            row["schema_version"], row["recorded_at"], row["valid_at"],
            row["payload"].encode(), row["metadata"].encode(),
        )  # fmt: skip
    except (ValueError, TypeError, AttributeError):
        hashed = None
    if hashed is None or hashed != kept_hash:
        raise UnusableInput(
            f"the content of the event at position {position} isn't what its hash was made of, so nothing proves it: "
            "diagnose the store"
        )
    times = {name: moment_text(row[name]) for name in ("recorded_at", "valid_at")}
    return Leaf(position, row["stream_id"], row["version"], hashed), HashedEvent(**{**row, **times})


def _as_document(outcome: AnchorRun, notes: list[str]) -> dict[str, Any]:
    latest = outcome.taken or outcome.last
    document: dict[str, Any] = {
        "anchored": outcome.taken is not None, "events": outcome.events, "compared": outcome.compared,
        "anchor": None, "file": None, "digest": None, "timestamp": None, "rewritten": None,
        "unsigned": outcome.unsigned, "notes": [*notes, *outcome.notes],
    }  # fmt: skip
    if latest is not None:
        stamped = str(latest.timestamp_path) if latest.timestamp_path.exists() else None
        document |= {"anchor": latest.anchor, "file": str(latest.path), "digest": latest.anchor.digest()}
        document["timestamp"] = stamped
    if outcome.rewritten is not None:
        found = outcome.rewritten._asdict()
        found["differences"] = [_difference(each) for each in outcome.rewritten.differences]
        document["rewritten"] = found
    return msgspec.to_builtins(document)  # type: ignore[no-any-return]


def _difference(found: Any) -> dict[str, Any]:
    return {
        "kind": found.kind, "position": found.position,
        "anchored": found.anchored and found.anchored._asdict(), "found": found.found and found.found._asdict(),
    }  # fmt: skip


def _say(console: Console, outcome: AnchorRun, notes: list[str]) -> None:
    for note in [*notes, *outcome.notes]:
        console.print(note, markup=False)
    notes.clear()
    if outcome.rewritten is not None:
        _say_rewritten(console, outcome.rewritten)
    elif outcome.taken is not None:
        taken = outcome.taken.anchor
        console.print(
            f"anchored at {taken.anchored_at}: {taken.count:,} events up to position {taken.position:,}, "
            f"{outcome.events:,} of them new, {outcome.compared:,} held against earlier anchors",
            markup=False,
        )
        console.print(f"root {taken.root}", markup=False)
        console.print(f"digest, to be noted elsewhere: {taken.digest()} ({outcome.taken.path})", markup=False)
    elif outcome.last is not None:
        last = outcome.last.anchor
        compared = f"{outcome.compared:,} events held against it" if outcome.compared else "nothing compared"
        console.print(
            f"nothing new since the anchor at position {last.position:,} of {last.anchored_at} ({compared})",
            markup=False,
        )


def _say_rewritten(console: Console, found: Rewritten) -> None:
    console.print(
        f"the log isn't what the {'anchor outside' if found.witness == 'outside' else 'anchor in its own table'} at "
        f"position {found.by:,} says: it was rewritten after position {found.after:,}, or is another copy of it, and "
        "nothing was signed",
        markup=False,
    )
    if found.another_log:
        console.print("its first event is another too: the anchors may belong to another store", markup=False)
    if found.differences:
        rows = [[each.position, each.kind, _shown(each.anchored), _shown(each.found)] for each in found.differences]
        title = f"{found.difference_count:,} events aren't what was anchored"
        console.print(table(title, ["position", "", "anchored", "found"], rows))
    console.print("keep the database as it is, capture it as evidence, and restore from a copy that agrees")


def _shown(leaf: Leaf | None) -> str:
    return "" if leaf is None else f"{leaf.stream_id} v{leaf.version} {leaf.hash[:12]}…"
