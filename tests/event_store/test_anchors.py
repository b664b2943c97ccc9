"""Promise 6: an anchor covers the log up to a safe position, and whoever rewrites what it covers is found out."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.anchor import Anchor, AnchorRefused, TreeHead, failures_of, log_id_of
from esworkbench.event_store.anchors.files import (
    KeptAnchor,
    anchors_in,
    index_of,
    keep,
    leaves_files,
    leaves_up_to,
    read_anchor,
    read_anchors,
    write_leaves,
)
from esworkbench.event_store.anchors.keys import (
    SigningKey,
    create_key,
    load_key,
    read_public_key,
    read_public_keys,
    write_public_key,
)
from esworkbench.event_store.anchors.proof import as_json, prove_inclusion
from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash, root_of
from esworkbench.event_store.anchors.write import AnchorRun, LogDifference, take_anchor
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.guards import drop_guards, grant_application
from tests.support import SequentialIds, StepClock, new_event


def a_store(url: str, streams: int = 3, each: int = 4) -> EventStore:
    store = EventStore.open(url, clock=StepClock(), new_id=SequentialIds())
    for number in range(streams):
        store.append(f"stream-{number}", [new_event()] * each, expected_version=0)
    return store


def more(store: EventStore, stream: str, count: int = 2) -> None:
    store.append(stream, [new_event()] * count, expected_version=0)


def by_hand(store: EventStore, *statements: str) -> None:
    with write_transaction(store.engine) as connection:
        drop_guards(connection, ["events", "anchors"])
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return tmp_path / "outside"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return create_key(tmp_path / "private" / "anchor.key")


def take(store: EventStore, outside: Path, key: SigningKey, *, only_new: bool = False) -> AnchorRun:
    return take_anchor(store, outside, key, clock=StepClock(), only_new=only_new)


def taken(store: EventStore, outside: Path, key: SigningKey, *, only_new: bool = False) -> KeptAnchor:
    outcome = take(store, outside, key, only_new=only_new)
    assert outcome.taken is not None, outcome
    return outcome.taken


def test_an_anchor_covers_the_log_and_the_next_goes_on_from_it(store_url: str, outside: Path, key: SigningKey) -> None:
    store = a_store(store_url)
    first = taken(store, outside, key)
    assert (first.anchor.position, first.anchor.count) == (12, 12)
    more(store, "later")
    second = taken(store, outside, key, only_new=True)
    more(store, "last", 5)
    third = taken(store, outside, key)
    assert [second.anchor.previous, third.anchor.previous] == [first.anchor.digest(), second.anchor.digest()]

    kept = read_anchors(outside / "anchors", read_public_keys(outside / "keys"))
    assert [each.anchor for each in kept] == [first.anchor, second.anchor, third.anchor]
    leaves = list(leaves_up_to(outside / "anchors", third.anchor))
    in_store = [(each.global_position, each.stream_id, each.version, each.hash) for each in store.read_all()]
    assert [tuple(each) for each in leaves] == in_store
    assert root_of(map(leaf_hash, leaves)).hex() == third.anchor.root
    assert list(leaves_up_to(outside / "anchors", second.anchor)) == leaves[:14]
    assert len(leaves_files(outside / "anchors", second.anchor)) == 2, "each leaf is stored once"
    assert [index_of(outside / "anchors", third.anchor, at) for at in (1, 14, 19, 20)] == [0, 13, 18, None]


def test_a_log_without_new_events_gets_no_anchor(store_url: str, outside: Path, key: SigningKey) -> None:
    with pytest.raises(UnusableInput, match="log is empty"):
        take(EventStore.open(store_url), outside, key)
    store = a_store(store_url)
    first = taken(store, outside, key)
    again = take(store, outside, key)
    assert again.taken is None
    assert again.last is not None
    assert (again.last.anchor, again.events, again.compared) == (first.anchor, 0, 12)
    left = sorted(each.name for each in (outside / "anchors").iterdir())
    assert left == [".taking.lock", "00000000000000000012.json", "00000000000000000012.parquet"]


HASH = "a" * 64
REWRITES: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "altered": ([f"UPDATE events SET hash = '{HASH}' WHERE global_position = 5"], [("altered", 5)]),
    "deleted": (["DELETE FROM events WHERE global_position IN (3, 4)"], [("missing", 3), ("missing", 4)]),
    "cut off": (["DELETE FROM events WHERE global_position > 10"], [("missing", 11), ("missing", 12)]),
    "a stream deleted": (
        ["DELETE FROM events WHERE stream_id = 'stream-1'"], [("missing", at) for at in (5, 6, 7, 8)],
    ),
    "moved": (
        ["UPDATE events SET stream_id = 'elsewhere' WHERE global_position = 2"], [("altered", 2)],
    ),
    "swapped": (
        ["UPDATE events SET version = 99 WHERE global_position = 1", "UPDATE events SET version = 1 WHERE"
         " global_position = 2", "UPDATE events SET version = 2 WHERE global_position = 1"],
        [("altered", 1), ("altered", 2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REWRITES)
def test_nothing_is_signed_over_a_rewritten_log(store_url: str, outside: Path, key: SigningKey, kind: str) -> None:
    """Whatever is done to it, and however much was written since, the very events are named."""
    store = a_store(store_url)
    taken(store, outside, key)
    statements, expected = REWRITES[kind]
    by_hand(store, *statements)
    more(store, "since")
    outcome = take(store, outside, key)
    assert outcome.taken is None
    assert outcome.rewritten is not None
    assert [(each.kind, each.position) for each in outcome.rewritten.differences] == expected
    assert (outcome.rewritten.by, outcome.rewritten.witness) == (12, "outside")
    assert len(read_anchors(outside / "anchors")) == 1


def test_an_event_slipped_into_an_old_gap_is_found(store_url: str, outside: Path, key: SigningKey) -> None:
    store = a_store(store_url)
    by_hand(store, "DELETE FROM events WHERE global_position = 4")
    taken(store, outside, key)
    columns = "stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at, valid_at"
    system = "OVERRIDING SYSTEM VALUE" if "postgres" in store_url else ""
    by_hand(
        store,
        f"INSERT INTO events (global_position, {columns}, prev_hash, hash) {system}"
        f" SELECT 4, 'slipped', 1, 'slipped', event_type, schema_version, payload, metadata, recorded_at, valid_at,"
        f" prev_hash, hash FROM events WHERE global_position = 1",
    )
    [found] = _differences(take(store, outside, key))
    assert (found.kind, found.position, found.anchored) == ("inserted", 4, None)


def _differences(outcome: AnchorRun) -> list[LogDifference]:
    assert outcome.rewritten is not None
    return outcome.rewritten.differences


def test_without_leaves_the_stretch_between_two_anchors_is_named(
    store_url: str, outside: Path, key: SigningKey
) -> None:
    store = a_store(store_url)
    first = taken(store, outside, key)
    more(store, "later")
    second = taken(store, outside, key)
    for each in (first, second):
        each.leaves_path.unlink()
    by_hand(store, "DELETE FROM events WHERE global_position = 14")
    outcome = take(store, outside, key)
    assert outcome.rewritten is not None
    assert (outcome.rewritten.after, outcome.rewritten.by, outcome.rewritten.differences) == (12, 14, [])
    assert any("which events they are can't be told" in note for note in outcome.notes)


def test_what_is_only_new_is_not_signed_over_a_log_that_was_cut_off(
    store_url: str, outside: Path, key: SigningKey
) -> None:
    store = a_store(store_url)
    taken(store, outside, key)
    by_hand(store, "DELETE FROM events WHERE global_position > 10")
    assert take(store, outside, key, only_new=True).rewritten is not None


def test_an_anchor_of_another_store_is_told_from_one_of_this(tmp_path: Path, outside: Path, key: SigningKey) -> None:
    taken(a_store(str(tmp_path / "one.db")), outside, key)
    other = EventStore.open(str(tmp_path / "two.db"), clock=StepClock())
    other.append("stream-0", [new_event()] * 20, expected_version=0)
    outcome = take(other, outside, key)
    assert outcome.rewritten is not None
    assert outcome.rewritten.another_log


def test_the_stores_own_copy_is_written_guarded_and_held_against_the_log(
    store_url: str, outside: Path, key: SigningKey, tmp_path: Path
) -> None:
    store = a_store(store_url)
    first = taken(store, outside, key)
    with store.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM anchors")).mappings().one()
    assert (row["position"], row["event_count"], row["root"]) == (12, 12, first.anchor.root)
    assert (row["signature"], row["log_id"]) == (first.anchor.signature, first.anchor.log_id)
    with pytest.raises(Exception, match="append-only"), write_transaction(store.engine) as connection:
        connection.execute(text("UPDATE anchors SET root = ''"))
    by_hand(store, f"UPDATE events SET hash = '{HASH}' WHERE global_position = 5")
    elsewhere = take(store, tmp_path / "emptied", key)
    assert elsewhere.rewritten is not None, "the folder was emptied, and the store's own copy still tells"
    assert (elsewhere.rewritten.witness, elsewhere.rewritten.by) == ("own copy", 12)


OWN = "position, event_count, root, anchored_at, key_id, signature, leaves, log_id, previous"
SPOILED = {
    "further on, unsigned": "10, 10, 'abc', anchored_at, key_id, signature, leaves, log_id, previous",
    "another root": f"11, 11, '{HASH}', anchored_at, key_id, signature, leaves, log_id, previous",
    "an unknown key": f"9, 9, root, anchored_at, '{HASH}', signature, leaves, log_id, previous",
    "of another log": f"8, 8, root, anchored_at, key_id, signature, leaves, '{HASH}', previous",
    "nothing": "7, event_count, root, anchored_at, key_id, signature, NULL, NULL, NULL",
    "below nothing": "-5, 5, root, anchored_at, key_id, signature, leaves, log_id, previous",
    "past all": "9223372036854775807, 5, 'x', anchored_at, key_id, signature, leaves, log_id, previous",
}
SPOILED_SQLITE = {
    "bytes": "6, event_count, zeroblob(40), anchored_at, key_id, signature, leaves, log_id, previous",
    "no text": "6, event_count, CAST(x'ff00fe' AS TEXT), anchored_at, key_id, signature, leaves, log_id, previous",
    "escapes": "6, 6, char(27) || '[31m' || char(0) || 'q', anchored_at, key_id, signature, leaves, log_id, previous",
    "no moment": "6, 6, root, 'yesterday', key_id, signature, leaves, log_id, previous",
}


@pytest.mark.parametrize("kind", [*SPOILED, *SPOILED_SQLITE])
def test_a_row_of_its_own_table_that_nobody_signed_is_told_and_stops_no_anchor(
    store_url: str, outside: Path, key: SigningKey, kind: str
) -> None:
    """Whoever may insert one row would otherwise end all anchoring."""
    on_sqlite = store_url.startswith("sqlite") or "://" not in store_url
    if kind in SPOILED_SQLITE and not on_sqlite:
        return  # a column there holds nothing but its type
    store = a_store(store_url)
    taken(store, outside, key)
    row = {**SPOILED, **SPOILED_SQLITE}[kind]
    by_hand(store, f"INSERT INTO anchors ({OWN}) SELECT {row} FROM anchors")
    more(store, "since")
    outcome = take(store, outside, key)
    assert outcome.taken is not None
    (note,) = outcome.notes
    assert f"position {row.partition(',')[0]}" in note
    assert note.isprintable()
    more(store, "later")
    assert take(store, outside, key, only_new=True).notes == [note], "and both are in the table all the same"
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM anchors")).scalar_one() == 4


def test_a_position_that_is_no_number_stops_no_anchor(tmp_path: Path, outside: Path, key: SigningKey) -> None:
    store = a_store(str(tmp_path / "store.db"))
    taken(store, outside, key)
    by_hand(store, "CREATE TABLE other AS SELECT * FROM anchors", "DROP TABLE anchors",
            "ALTER TABLE other RENAME TO anchors", "INSERT INTO anchors (position) VALUES ('text'), (NULL), (x'00')",
            "INSERT INTO anchors (position) VALUES (1e30)")  # fmt: skip
    more(store, "since")
    outcome = take(store, outside, key)
    assert outcome.taken is not None
    assert len(outcome.notes) == 4
    assert all(note.isprintable() for note in outcome.notes)


def test_a_store_of_an_earlier_release_gets_the_columns_that_its_table_lacks(
    store_url: str, outside: Path, key: SigningKey
) -> None:
    store = a_store(store_url)
    by_hand(store, "DROP TABLE anchors", "CREATE TABLE anchors (position bigint PRIMARY KEY, event_count bigint,"
            " root text, anchored_at timestamptz, key_id text, signature text, leaves text)")  # fmt: skip
    assert take(store, outside, key).notes == []
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT previous FROM anchors")).scalar_one() == "0" * 64


def test_a_login_that_may_not_write_anchors_all_the_same(postgres_url: str, outside: Path, key: SigningKey) -> None:
    store = a_store(postgres_url)
    role = f"reader_{os.getpid()}"
    with write_transaction(store.engine) as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'p'"))
        grant_application(connection, role)
        connection.execute(text(f"REVOKE INSERT ON anchors FROM {role}"))
        connection.execute(text(f"REVOKE INSERT (position) ON anchors FROM {role}"))
    try:
        url = make_url(postgres_url).set(username=role, password="p").render_as_string(hide_password=False)
        outcome = take(EventStore.open(url, create=False), outside, key)
        assert outcome.taken is not None
        assert ["own copy was not written" in note for note in outcome.notes] == [True]
        again = take(store, outside, key)
        assert (again.taken, again.notes) == (None, [])
        with store.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM anchors")).scalar_one() == 1, "made up for later"
    finally:
        with write_transaction(store.engine) as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))


def test_no_anchor_passes_a_position_that_may_still_fill(postgres_url: str, outside: Path, key: SigningKey) -> None:
    """A writer has drawn position 13 and not committed; 14 is there: the anchor waits, and covers both."""
    store = a_store(postgres_url)
    insert = (
        "INSERT INTO events (stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at,"
        " valid_at, prev_hash, hash) SELECT 'slow', 1, 'slow', event_type, schema_version, payload, metadata,"
        " recorded_at, valid_at, prev_hash, hash FROM events LIMIT 1"
    )
    taken(a_store(str(outside.parent / "warm.db")), outside.parent / "warm", key)  # what it imports is at hand then
    found: list[AnchorRun] = []
    with psycopg.connect(postgres_url) as slow:
        slow.execute(insert)
        store.append("quick", [new_event()], expected_version=0)
        taking = threading.Thread(target=lambda: found.append(take(store, outside, key)))
        taking.start()
        taking.join(1.5)
        waited = taking.is_alive()
        slow.commit()
        taking.join(60)
    assert waited
    assert found[0].taken is not None
    assert (found[0].taken.anchor.position, found[0].taken.anchor.count) == (14, 14)


def test_two_at_once_make_one_anchor(sqlite_url: str, outside: Path, key: SigningKey) -> None:
    store = a_store(sqlite_url)
    program = (
        "import sys; from pathlib import Path; from esworkbench.event_store import EventStore\n"
        "from esworkbench.events import utc_now\n"
        "from esworkbench.event_store.anchors.keys import load_key\n"
        "from esworkbench.event_store.anchors.write import take_anchor\n"
        "store = EventStore.open(sys.argv[1], create=False); key = load_key(Path(sys.argv[3])); sys.stdin.read()\n"
        "print(take_anchor(store, Path(sys.argv[2]), key, clock=utc_now).events)\n"
    )
    command = [sys.executable, "-c", program, sqlite_url, str(outside), str(outside.parent / "private" / "anchor.key")]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for each in running:
        assert each.stdin is not None
        each.stdin.close()
    told = []
    for each in running:
        assert each.stdout is not None
        told.append(each.stdout.read().strip())
        each.stdout.close()
        assert each.wait(60) == 0
    assert sorted(told) == ["0", "12"]
    assert len(read_anchors(outside / "anchors", read_public_keys(outside / "keys"))) == 1
    assert store.head_position() == 12


def test_leaves_that_a_killed_run_left_count_for_nothing(sqlite_url: str, outside: Path, key: SigningKey) -> None:
    store = a_store(sqlite_url)
    first = taken(store, outside, key)
    more(store, "later")
    second = taken(store, outside, key)
    second.path.unlink()  # killed before the anchor was named
    assert read_anchors(outside / "anchors")[-1].anchor == first.anchor
    by_hand(store, "DELETE FROM anchors")
    again = taken(store, outside, key)
    assert list(leaves_up_to(outside / "anchors", again.anchor))[-1].position == 14


def test_an_anchor_is_never_overwritten(sqlite_url: str, outside: Path, key: SigningKey) -> None:
    kept = taken(a_store(sqlite_url), outside, key)
    before = (kept.path.read_bytes(), kept.leaves_path.read_bytes())
    with pytest.raises(UnusableInput, match="none is ever overwritten"):
        keep(outside / "anchors", kept.anchor, [], write_leaves(outside / "anchors", []))
    assert (kept.path.read_bytes(), kept.leaves_path.read_bytes()) == before
    assert sorted(each.suffix for each in (outside / "anchors").iterdir()) == [".json", ".lock", ".parquet"]


# What is wrong with an anchor is told, and which check it failed.

CHANGES: dict[str, object] = {
    "log_id": HASH, "position": 13, "count": 11, "root": HASH, "anchored_at": "2026-01-01T00:00:09.000000Z",
    "previous": HASH, "signature": "0" * 128,
}  # fmt: skip


@pytest.mark.parametrize("field", CHANGES)
def test_an_anchor_of_which_any_field_was_changed_is_refused(
    tmp_path: Path, outside: Path, key: SigningKey, field: str
) -> None:
    kept = taken(a_store(str(tmp_path / "bank.db")), outside, key)
    changed = msgspec.structs.replace(kept.anchor, **{field: CHANGES[field]})
    keys = {key.key_id: key.public_key}
    assert [each.failure for each in failures_of([changed], keys)] == ["bad_signature"]
    assert failures_of([kept.anchor], keys) == []


def test_anchors_by_another_key_out_of_order_or_with_one_left_out_are_refused(
    tmp_path: Path, outside: Path, key: SigningKey
) -> None:
    store = a_store(str(tmp_path / "bank.db"))
    anchors: list[Anchor] = []
    for number in range(3):
        anchors.append(taken(store, outside, key).anchor)
        more(store, f"later-{number}")
    keys = {key.key_id: key.public_key}
    other = create_key(tmp_path / "other.key")
    assert [each.failure for each in failures_of(anchors, {other.key_id: other.public_key})] == ["unknown_key"] * 3
    assert [each.failure for each in failures_of([anchors[0], anchors[2]], keys)] == ["broken_chain"]
    assert [each.failure for each in failures_of([anchors[1], anchors[0]], keys)] == ["out_of_order"]
    forged = other.sign(anchors[2].tree_head, anchored_at=anchors[2].anchored_at, previous=anchors[2].previous)
    passed_off = msgspec.structs.replace(forged, key_id=key.key_id)
    assert [each.failure for each in failures_of([passed_off], keys)] == ["bad_signature"]
    (outside / "anchors" / "00000000000000000014.json").unlink()
    with pytest.raises(AnchorRefused, match="left out"):
        read_anchors(outside / "anchors", keys)


def test_leaves_that_were_changed_are_refused(tmp_path: Path, outside: Path, key: SigningKey) -> None:
    kept = taken(a_store(str(tmp_path / "bank.db")), outside, key)
    folder = outside / "anchors"
    leaves = list(leaves_up_to(folder, kept.anchor))
    for changed in (leaves[:-1], leaves[::-1], [*leaves, leaves[-1]._replace(position=13)],
                    [leaves[0]._replace(hash=HASH), *leaves[1:]]):  # fmt: skip
        write_leaves(folder, changed).replace(kept.leaves_path)
        with pytest.raises(AnchorRefused) as refused:
            list(leaves_up_to(folder, kept.anchor))
        assert refused.value.failure == "bad_leaves"
    whole = kept.leaves_path.read_bytes()
    for torn in (b"", whole[:100], whole[:-30], b"PAR1" + b"x" * 60 + b"PAR1"):
        kept.leaves_path.write_bytes(torn)
        with pytest.raises(UnusableInput, match=r"no whole leaves"):
            list(leaves_up_to(folder, kept.anchor))
    kept.leaves_path.unlink()
    kept.leaves_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableInput, match="there is no file"):
        list(leaves_up_to(folder, kept.anchor))


def test_hostile_files_are_refused_in_a_sentence(tmp_path: Path, outside: Path, key: SigningKey) -> None:
    kept = taken(a_store(str(tmp_path / "bank.db")), outside, key)
    whole = kept.path.read_bytes()
    document = json.loads(whole)
    odd = [
        b"", whole[:200], b"[]", b"null", b"\xff\xfe", b"[" * 9000, b"x" * 20_000,
        whole.replace(b'"count"', b'"position"', 1), json.dumps({**document, "more": 1}).encode(),
    ]  # fmt: skip
    for field, value in {
        "position": 0, "count": 10**17, "root": "A" * 64, "signature": "", "anchored_at": "2026-02-30T00:00:00.000000Z",
        "log_id": None, "previous": "x" * 64, "key_id": 7,
    }.items():  # fmt: skip
        odd.append(json.dumps({**document, "anchor": {**document["anchor"], field: value}}).encode())
    odd.append(json.dumps({**document, "frontier": [HASH] * len(document["frontier"])}).encode())
    odd.append(json.dumps({**document, "frontier": document["frontier"] * 2}).encode())
    for content in odd:
        kept.path.write_bytes(content)
        with pytest.raises(UnusableInput, match=r"no whole anchor|too large"):
            read_anchor(kept.path)
    kept.path.write_bytes(whole)
    kept.path.rename(kept.path.with_name("00000000000000000099.json"))
    with pytest.raises(UnusableInput, match="name it by that"):
        read_anchors(outside / "anchors")
    kept.path.with_name("00000000000000000099.json").unlink()
    os.mkfifo(kept.path)
    with pytest.raises(UnusableInput, match="pipe"):
        read_anchors(outside / "anchors")
    assert anchors_in(outside) == anchors_in(outside / "anchors") == outside / "anchors"


# Keys.


def test_a_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "anchor.key"
    made = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path).public_key == made.public_key
    assert made.key_id in repr(made)
    before = path.read_bytes()
    dangling = tmp_path / "link.key"
    dangling.symlink_to(tmp_path / "target")
    for there in (path, dangling):
        with pytest.raises(UnusableInput, match="never overwritten"):
            create_key(there)
    assert path.read_bytes() == before
    assert not (tmp_path / "target").exists()


def test_a_key_that_others_may_have_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchor.key"
    create_key(path)
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(UnusableInput, match="can be read by others"):
            load_key(path)
    path.chmod(0o600)
    link, pipe, empty = tmp_path / "link", tmp_path / "pipe", tmp_path / "empty"
    link.symlink_to(path)
    os.mkfifo(pipe, 0o600)
    empty.touch(0o600)
    rsa = tmp_path / "rsa"
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", rsa], check=True)
    rsa.chmod(0o600)
    for odd in (link, pipe, empty, rsa, tmp_path, tmp_path / "none"):
        with pytest.raises(UnusableInput, match=str(odd)):
            load_key(odd)


def test_the_public_half_is_what_openssl_reads_and_no_private_one_is_taken_for_it(tmp_path: Path) -> None:
    made = create_key(tmp_path / "anchor.key")
    path = write_public_key(made.public_key, tmp_path / "keys")
    assert write_public_key(made.public_key, tmp_path / "keys") == path
    assert read_public_keys(tmp_path / "keys") == {made.key_id: made.public_key}
    shown = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", path, "-text", "-noout"], capture_output=True, check=True
    )
    assert b"ED25519" in shown.stdout.upper()
    with pytest.raises(UnusableInput, match="private half"):
        read_public_key(tmp_path / "anchor.key")
    path.write_bytes(write_public_key(create_key(tmp_path / "b.key").public_key, tmp_path / "others").read_bytes())
    with pytest.raises(UnusableInput, match="another key than its name says"):
        write_public_key(made.public_key, tmp_path / "keys")


@pytest.mark.sweep
def test_a_proof_of_a_log_of_a_million_has_less_than_two_kilobytes(tmp_path: Path, key: SigningKey) -> None:
    count = 1_000_000
    leaves = (
        Leaf(
            2 * number + 1, f"BankAccount-{number % 5000:036d}", number // 5000 + 1, sha256(b"%d" % number).hexdigest()
        )
        for number in range(count)
    )
    frontier, first = Frontier(), Leaf(1, f"BankAccount-{0:036d}", 1, sha256(b"0").hexdigest())
    folder = tmp_path / "anchors"

    def added() -> Iterator[Leaf]:
        for leaf in leaves:
            frontier.append(leaf_hash(leaf))
            yield leaf

    written = write_leaves(folder, added())
    assert written.stat().st_size < 45 * count
    head = TreeHead(log_id_of(first), 2 * count, count, frontier.root().hex())
    anchor = key.sign(head, anchored_at="2026-01-01T00:00:00.000000Z", previous=HASH)
    keep(folder, anchor, frontier.peaks, written)
    proof = prove_inclusion(folder, anchor, first)
    assert len(as_json(proof)) < 2048
