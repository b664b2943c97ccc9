"""Promises 6, 9 and 13: a capture takes along what was signed of a log, on both databases, and nothing more of it than
the log doesn't hold."""

import json
import sys
from pathlib import Path

import pytest
from evidence_sources import small_bank
from sqlalchemy import create_engine, text
from support import START, StepClock

from esworkbench.archive import Manifest
from esworkbench.event_store.anchors.files import read_anchor
from esworkbench.event_store.anchors.keys import SigningKey, create_key
from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.evidence.capturing.anchors import differing
from esworkbench.evidence.capturing.capture import capture
from esworkbench.forensics.verify import verify


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return create_key(tmp_path / "signing" / "key.pem")


def anchored(url: str, key: SigningKey) -> Path:
    store = small_bank(url)
    take_anchor(store, outside_folder(url), key, clock=lambda: START)
    store.engine.dispose()
    return outside_folder(url)


def past_all_guards(url: str, statement: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            guards = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
            for (name,) in connection.execute(text(guards)).fetchall():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE events DISABLE TRIGGER ALL"))
        connection.execute(text(statement))
    engine.dispose()


def test_anchors_and_keys_come_along_with_where_they_came_from(store_url: str, key: SigningKey, tmp_path: Path) -> None:
    anchored(store_url, key)
    evidence = capture(store_url, tmp_path / "evidence", progress=False, clock=StepClock())
    assert evidence.rows("SELECT origin, position, event_count FROM anchors ORDER BY ALL") == [
        ("outside", 14, 14), ("store", 14, 14),
    ]  # fmt: skip
    assert evidence.rows("SELECT origin, key_id FROM public_keys") == [("outside", key.key_id)]
    assert (evidence.manifest.rows["leaves"], evidence.manifest.problems) == (0, [])
    assert not any("anchors" in each for each in evidence.manifest.assumptions)
    assert [each.stands for each in verify(evidence).anchors] == [True]
    open_agreeing(evidence.path)


def test_what_was_changed_since_is_told_by_position(store_url: str, key: SigningKey, tmp_path: Path) -> None:
    outside = anchored(store_url, key)
    past_all_guards(store_url, "DELETE FROM events WHERE global_position IN (13, 14)")
    evidence = capture(store_url, tmp_path / "evidence", progress=False, clock=StepClock())
    breaks = [each for each in verify(evidence).breaks if each.kind.startswith("anchor")]
    assert [(each.kind, each.position) for each in breaks] == [("anchor_missing", 13), ("anchor_missing", 14)]
    [brought] = (outside / "keys").iterdir()
    again = add_to(evidence, Additions(anchors=[outside / "anchors"], keys=[brought]))
    assert again.manifest.rows["leaves"] == 2, "the same leaves, given once more, are kept once"
    found = verify(again)
    assert [each.position for each in found.breaks if each.kind == "anchor_missing"] == [13, 14]
    assert [(each.origins, each.trusted) for each in found.anchors] == [(["given", "outside", "store"], True)]


def test_where_log_and_leaves_part_is_told_once_for_each_position() -> None:
    one, two, three, five = (Leaf(position, "s", position, "h") for position in (1, 2, 3, 5))
    log = [(1, "s", 1, "h"), (2, "s", 2, "other"), (4, "s", 4, "h"), (5, "s", 5, "h"), (5, "s", 6, "h")]
    assert list(differing([one, two, three, five], log)) == [(2, two), (3, three), (4, None), (5, five)]
    assert list(differing([], [])) == []


@pytest.mark.parametrize("fits", [True, False])
def test_a_token_beside_an_anchor_counts_if_it_is_one_over_it(
    key: SigningKey, tmp_path: Path, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra ``timestamps`` it is only looked for the anchor's digest."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    url = f"sqlite:///{tmp_path}/bank.db"
    [path] = (anchored(url, key) / "anchors").glob("*.json")
    token = b"\x30\x00" + (bytes.fromhex(read_anchor(path).anchor.digest()) if fits else b"")
    path.with_suffix(".tsr").write_bytes(token)
    evidence = capture(url, tmp_path / "evidence", progress=False, clock=StepClock())
    assert evidence.rows("SELECT token FROM anchors WHERE origin = 'outside'") == [(token.hex(),)]
    [verdict] = verify(evidence).anchors
    assert verdict.timestamped == fits
    unread = "lies here unread" in " ".join(verify(evidence).unprovable)
    assert unread
    assert ["is no timestamp over the anchor" in each.what for each in evidence.manifest.problems] == [True] * (
        not fits
    )


def test_junk_is_no_token_where_tokens_can_be_read(key: SigningKey, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    [path] = (anchored(url, key) / "anchors").glob("*.json")
    path.with_suffix(".tsr").write_bytes(b"\x30" + bytes.fromhex(read_anchor(path).anchor.digest()))
    evidence = capture(url, tmp_path / "evidence", progress=False, clock=StepClock())
    assert [each.timestamped for each in verify(evidence).anchors] == [False]
    assert any("timestamp of the anchor at position 14 proves nothing" in each for each in verify(evidence).unprovable)


def test_which_keys_of_people_were_destroyed_comes_along_and_no_key(key: SigningKey, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    outside = anchored(url, key)
    lines = "key_id,subject,created_at,destroyed_at\nk1,Ada,2026-01-01T00:00:00Z,\nk2,Bo,,2026-01-02T00:00:00Z\n"
    (outside / "personal_keys.csv").write_text(lines, "utf-8")
    evidence = capture(url, tmp_path / "evidence", progress=False, clock=StepClock())
    query = "SELECT key_id, strftime(destroyed_at, '%Y-%m-%d') FROM keys ORDER BY 1"
    assert evidence.rows(query) == [("k1", None), ("k2", "2026-01-02")]


def as_before_anchors(folder: Path) -> None:
    """Evidence as the release before wrote it: format 2, without the tables that came with anchors."""
    path = folder / "manifest.json"
    said = json.loads(path.read_text("utf-8"))
    said["format"] = 2
    for table in ("anchors", "leaves", "public_keys", "keys"):
        del said["rows"][table]
        del said["files"][f"{table}/part-0.parquet"]
        (folder / table / "part-0.parquet").unlink()
    path.write_text(json.dumps(said), "utf-8")


def test_evidence_of_the_release_before_opens_and_takes_anchors(key: SigningKey, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    outside = anchored(url, key)
    capture(url, tmp_path / "evidence", progress=False, clock=StepClock())
    as_before_anchors(tmp_path / "evidence")
    before = open_agreeing(tmp_path / "evidence")
    assert before.rows("SELECT * FROM anchors") == []
    [brought] = (outside / "keys").iterdir()
    after = add_to(before, Additions(anchors=[outside / "anchors"], keys=[brought]))
    assert Manifest.load(after.path).format == 3
    assert [(each.stands, each.trusted) for each in verify(after).anchors] == [(True, True)]
    then = Evidence.open(after.path, earlier=before.digest)
    assert (then.manifest.format, then.rows("SELECT * FROM anchors")) == (2, [])
