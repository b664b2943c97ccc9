"""The answer is sealed with a real key: whoever has the bank and not the key has no answer."""

import re
import shutil
import stat
from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.lab import KEY_BESIDE, PlantedFault, build_incident, reveal
from esworkbench.lab.incidents.sealed import LogEnd, seal, unseal

END = LogEnd(7, "a" * 64)
PLANTED = [PlantedFault("lag", None, ["e-1"], [7], 0, None)]


def held(position: int) -> str | None:
    """What the bank's log holds."""
    return {END.position: END.hash}.get(position)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "bank.db.outside"
    folder.mkdir()
    return folder


def test_the_key_is_the_users_alone(home: Path, outside: Path) -> None:
    key = seal(outside, PLANTED, END)
    assert key.parent == home / "incident-keys"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert unseal(outside, held) == PLANTED


def test_without_the_key_it_says_where_it_looked(home: Path, outside: Path) -> None:
    key = seal(outside, PLANTED, END)
    handed_over = key.rename(outside.parent / "kept.key")
    places = f"isn't at '{key}' or '{outside.parent / KEY_BESIDE}'"
    with pytest.raises(UnusableInput, match=re.escape(places)):
        unseal(outside, held)
    assert unseal(outside, held, handed_over) == PLANTED
    shutil.copy(handed_over, outside.parent / KEY_BESIDE)
    assert unseal(outside, held) == PLANTED


def test_another_incidents_key_opens_nothing(home: Path, outside: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db.outside"
    other.mkdir()
    others = seal(other, PLANTED, END)
    mine = seal(outside, PLANTED, END)
    with pytest.raises(UnusableInput, match="isn't at"):
        unseal(outside, held, others)
    forged = tmp_path / "forged.key"
    forged.write_text(mine.read_text("utf-8").splitlines()[0] + "\n" + "0" * 64 + "\n", "utf-8")
    with pytest.raises(UnusableInput, match="is damaged"):
        unseal(outside, held, forged)


def test_an_answer_can_not_be_passed_off_as_another_banks(home: Path, outside: Path) -> None:
    """The header is sealed too: no byte of the file can be changed unseen."""
    seal(outside, PLANTED, END)
    path = outside / "answer.sealed"
    content = path.read_bytes()
    for at in [*range(0, 200, 7), *range(200, len(content) - 1, 1999)]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(UnusableInput):
            unseal(outside, held)


def test_an_answer_beside_another_bank_is_refused(home: Path, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("one", "two")]
    for seed, (url, fault) in enumerate(zip(urls, ("none", "manual_edit"), strict=True), start=3):
        build_incident(url, fault=fault, seed=seed, scale="small")
    assert [len(reveal(url)) for url in urls] == [0, 1]
    shutil.copy(tmp_path / "two.db.outside" / "answer.sealed", tmp_path / "one.db.outside" / "answer.sealed")
    with pytest.raises(UnusableInput, match="isn't that of this bank"):
        reveal(urls[0])
    (tmp_path / "two.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(UnusableInput):
        reveal(urls[1])
    (tmp_path / "two.db").unlink()
    assert len(reveal(urls[1])) == 1, "there is no bank that it could be taken for"


def test_its_length_does_not_tell_a_healthy_bank_from_others(home: Path, outside: Path) -> None:
    lengths = set()
    for planted in ([], PLANTED, PLANTED * 5):
        seal(outside, planted, END)
        lengths.add((outside / "answer.sealed").stat().st_size)
        assert unseal(outside, held) == planted
    assert len(lengths) == 1


@pytest.mark.parametrize("content", [b"", b"key", b"\xff" * 200, b"esworkbench key to the answer of incident x\ny\n"])
def test_what_is_no_key_is_said_to_be_none(home: Path, outside: Path, tmp_path: Path, content: bytes) -> None:
    seal(outside, PLANTED, END)
    (tmp_path / "no.key").write_bytes(content)
    with pytest.raises(UnusableInput, match=r"no\.key' is no key"):
        unseal(outside, held, tmp_path / "no.key")


def test_what_an_earlier_release_sealed_is_to_be_built_again(home: Path, outside: Path) -> None:
    for version in (b"1;", b"2 of incident 1;"):
        (outside / "answer.sealed").write_bytes(b"esworkbench sealed answer v" + version + b" open it with: x\nZm9v\n")
        with pytest.raises(UnusableInput, match="by an earlier release: build the incident again"):
            unseal(outside, held)


def test_a_key_of_ones_own_choice(home: Path, tmp_path: Path, sqlite_url: str) -> None:
    """Nothing that was there is overwritten, and where the key can't go nothing is built."""
    taken = tmp_path / "taken.key"
    taken.write_text("mine", "utf-8")
    for key_file, words in ((taken, "stays as it is"), (tmp_path / "no" / "where.key", "there is no folder")):
        with pytest.raises(UnusableInput, match=words):
            build_incident(sqlite_url, fault="none", seed=1, scale="small", key_file=key_file)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.key"]
    built = build_incident(sqlite_url, fault="lag", seed=1, scale="small", key_file=tmp_path / "mine.key")
    assert built.key == tmp_path / "mine.key"
    assert not home.exists()
    assert [each.fault for each in reveal(sqlite_url, key_file=built.key)] == ["lag"]
    with pytest.raises(UnusableInput, match="isn't at"):
        reveal(sqlite_url)
