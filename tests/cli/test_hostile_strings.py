"""Promise: a string from data commands nothing: no terminal, no markup, no browser; and no password is ever shown."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cli_shell import Ran, Shell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esworkbench.credentials import may_hold_a_password, without_credentials
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent
from esworkbench.shown import printable
from tests.support import make_every_table, swept

PIECES = [
    "\x1b]52;c;cHduZWQ=\x07", "\x1b[2J", "\x9b31m", "\x00", "\x07", "\b\b\b", "\r", "\n", "\x7f", "\x85", "\u2028",
    "\u2029", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041", "\u3164", "\ufe0f", "[red]",
    "[/bold]", "[link=http://x]", "[", "]", "\\", "\\[", ":smile:", "$\\frac$", "<script>alert(1)</script>", "&amp;",
    "'\"", "{{7*7}}", "%s", "=1+1", "@SUM(1)", "ä", "猫", "a", "-", " ",
]  # fmt: skip


def nasty(seed: int) -> str:
    draw = random.Random(seed)
    return "".join(draw.choices(PIECES, k=6))


def not_shown(text: str) -> set[str]:
    """Every character of the output that a terminal would act on, or a person wouldn't see."""
    return {
        each
        for each in text
        if each != "\n" and (unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn") or each in "ㅤ️")
    }


def hostile_store(folder: Path, name: str) -> Path:
    """A small store in which whatever can be a string of somebody's is the nasty one, and a balance is wrong."""
    path = folder / "bank.db"
    store = EventStore.open(str(path))
    money = {"amount_minor": 500, "currency": "USD", "reference": name}

    def deposit(**fields: object) -> NewEvent:
        return NewEvent(event_type="MoneyDeposited", schema_version=3, payload=json.dumps(money | fields).encode())

    store.append(f"account-{name}", [deposit(), deposit(reference=name + "2")], expected_version=0)
    store.append("account-A", [deposit(), deposit(currency=name), deposit(amount_minor=name)], expected_version=0)
    store.append(f"{name}-B", [NewEvent(event_type=name, payload=b"{}")], expected_version=0)
    with store.engine.begin() as making:
        make_every_table(making)
        account_balances.create(making)
    store.engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO account_balances (account_id, currency, balance_minor, version, position) "
            "VALUES (?, 'USD', 9, 1, 1)",
            (name,),
        )
        moment = "2026-01-01T00:00:00.000000Z"
        connection.execute("INSERT INTO checkpoints VALUES ('account_balances', 6, ?)", (moment,))
        connection.execute("INSERT INTO checkpoints VALUES (?, 1, ?)", (name, moment))
    connection.close()
    return path


def everything_asked(shell: Shell, folder: Path, store: Path, name: str) -> Iterator[Ran]:
    ev = folder / "ev"
    domain = ["--domain", "bank"]
    for command in (
        ["capture", store, "--into", ev, *domain], ["diff", ev], ["diagnose", ev], ["verify", ev],
        ["verify", store, *domain], ["bisect", ev, "--account", name], ["replay", ev, "--account", name],
        ["replay", ev, "--account", name + "\x1b"], ["diff", ev, "--against", name],
        ["report", ev, "--out", folder / "r"],
        ["report", ev, "--out", folder / "r.html", "--account", name], ["case", ev], ["case", ev, "--replay"],
        ["investigate", store, "--out", folder / "inv", *domain], ["investigate", store, "--account", name, *domain],
        ["repair", ev, "--store", store, "--operator", name], ["lag", store], ["shapes", store],
        ["pending", store, *domain],
        ["explain", name], ["rebuild", store, "--projection", name, *domain], ["capture", name, "--into", ev],
        ["diff", folder / name.replace("/", "")], ["lag", store, "--projection", name], [name],
        ["diff", ev, f"--{name}"],
        ["incident", "new", store, "--fault", name], ["upcasters", "--domain", name],
    ):  # fmt: skip
        yield shell(*command)
        yield shell(*command, "--json")


@pytest.mark.parametrize("seed", swept(range(2), every=2))
def test_no_string_from_data_reaches_the_terminal_as_more_than_text(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.chdir(tmp_path)
    name = nasty(seed).replace("\x00", "\x01")
    store = hostile_store(tmp_path, name)
    for ran in everything_asked(shell, tmp_path, store, name):
        assert ran.code in (0, 1, 2), ran
        assert not_shown(ran.out) == set(), ran
        # A progress bar goes back to the beginning of its own line.
        assert not_shown(ran.err) <= {"\r"}, ran
    page = (tmp_path / "r.html").read_text("utf-8")
    assert not_shown(page) == set()
    assert "<script" not in page


def test_json_says_exactly_what_is_in_the_data(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    name = "\x1b[2J\u202e:smile:[red]\\猫"
    shell("capture", hostile_store(tmp_path, name), "--into", tmp_path / "ev", "--domain", "bank")
    ran = shell.json("diff", tmp_path / "ev")
    assert ran.out.isascii()
    assert name in [row["account"] for row in ran.document["rows"]]
    assert r"\x1b[2J\u202e:smile:[red]\猫" in shell("diff", tmp_path / "ev").out


def test_a_name_of_bytes_that_are_no_text_is_shown_and_no_error_of_ours(tmp_path: Path) -> None:
    for arguments in ([b"diff", b"\xff\xfe"], [b"diff", b"\xff", b"--json"], [b"explain", b"\xff"]):
        ran = subprocess.run([sys.executable, "-m", "esworkbench", *arguments], capture_output=True, check=False)
        assert ran.returncode == 2, ran
        assert rb"\udcff" in ran.stderr or rb"\xff" in ran.stderr


def test_what_cannot_be_seen_is_written_out() -> None:
    assert printable("plain ä 猫\u00a0\u3000") == "plain ä 猫\u00a0\u3000"
    assert printable("\x1b\n\t\x85\u202e\u200b\udcff\U000e0041") == r"\x1b\x0a\x09\x85\u202e\u200b\udcff\U000e0041"
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


GIVEN = [
    "host=db user=me password=hunter2", "postgresql//me:hunter2@h/x", "postgres:/me:hunter2@h/x", "me:hunter2@h/x",
    "psotgresql://me:hunter2@h/x", "postgresql://me:hunter2@127.0.0.1:1/x", "postgresql://me:hun%74er2@127.0.0.1:1/x",
    "postgresql://127.0.0.1:1/x?user=me&password=hunter2", "postgresql://127.0.0.1:1/x?sslpassword=hunter2",
    "postgresql://me:a@hunter2@127.0.0.1:1/x", "postgresql://me:hunter2@h:port/x", "mysql://me:hunter2@h/x",
    "postgresql://me:hunter2@127.0.0.1:1/x?sslmode=hunter2", "postgresql://me:hunter2@127.0.0.1:1/x?nonsense=1",
    "sqlite://me:hunter2@/x",
]  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
def test_no_command_shows_a_password_that_it_was_given(shell: Shell, tmp_path: Path, given: str) -> None:
    new = tmp_path / "new"
    for command in (
        ["capture", given, "--into", new], ["verify", given], ["investigate", given, "--out", new], ["lag", given],
        ["diff", given], ["rebuild", given, "--projection", "account_balances"], ["incident", "new", given],
        ["incident", "reveal", given], ["compact", given, "--into", given], ["take-snapshots", given],
        ["outbox", given],
        ["shapes", given], ["pending", given], ["repair", given, "--store", given, "--operator", "me"],
        ["case", given], ["report", given, "--out", given], ["capture", "x.db", given], ["nonsense", given],
        ["keep-read-model", given, "--projection", "x", "--into", new], ["snapshot-frequency", "--url", given],
        ["archive", given, "--up-to", 1, "--into", new],
    ):  # fmt: skip
        for ran in (shell(*command), shell(*command, "--json")):
            assert ran.code == 2, (command, ran)
            assert "hunter2" not in ran.out + ran.err, (command, ran)


@pytest.mark.parametrize("dsn", GIVEN)
def test_the_doctor_shows_no_password_of_the_server_that_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", dsn)
    for ran in (shell("doctor"), shell("doctor", "--json")):
        assert "hunter2" not in ran.out + ran.err


def test_a_defect_is_told_without_the_data_and_without_credentials(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours, planted where a command begins its work."""
    from esworkbench.cli import explain_command

    def defect(*_: object, **__: object) -> None:
        raise RuntimeError("connecting to postgresql://me:hunter2@h/x \x1b[2J failed\n" + "row " * 1000)

    monkeypatch.setattr(explain_command, "get_close_matches", defect)
    ran = shell.json("explain", "nothing-of-this-name")
    assert ran.code == 3
    assert "hunter2" not in ran.err
    assert "row row" not in ran.err
    assert "report the lines above" in ran.err
    assert "explain_command.py" in ran.err
    assert not_shown(ran.err) == set()
    assert "defect" in ran.document["error"]


MARKED = "Zq7xKw9"
"""Within each password that is drawn, and in nothing else that is said."""

SPELLINGS = [
    "postgresql://u:{}@127.0.0.1:1/db", "postgresql://u@127.0.0.1:1/db?password={}", "postgresql:/u:{}@127.0.0.1/db",
    "postgres//u:{}@127.0.0.1/db", "u:{}@127.0.0.1/db", "u:{}@h/x", "//u:{}@h/x", "jdbc:postgresql://h/db?password={}",
    "host=127.0.0.1 port=1 password={}", "host=127.0.0.1 password='{}' dbname=d", "port=1 password = {} nonsense=1",
    "postgresql://u:{}@127.0.0.1:x/db", "postgresql://127.0.0.1:1/db?sslmode=bogus&sslpassword={}", "mysql://u:{}@h/db",
    "postgresql://u@127.0.0.1:1/db?options=u:{}@x", "sqlite://u:{}@h/db", "  postgresql://u:{}@127.0.0.1:1/db",
    "postgresql+asyncpg://u:{}@127.0.0.1:1/db", "postgresql://u:{}@[::1/db", "postgresql://u@127.0.0.1:1/u:{}@h",
    "postgresql:u:{}@h", "postgresql://u:{}@127.0.0.1:1/db?PASSWORD=x",
]  # fmt: skip
ODD = st.text(st.sampled_from("@/:?#&=+%'\"\\ $*[]().,;~-_ä€\x1b1aZ"), max_size=4)
PASSWORDS = st.builds("{}{}{}{}{}".format, ODD, st.just(MARKED), ODD, st.sampled_from(["", MARKED]), ODD)
COMMANDS = [
    ["capture", "{}", "--into", "new"], ["verify", "{}"], ["diff", "{}"], ["lag", "{}"], ["shapes", "{}"],
    ["investigate", "{}", "--out", "new"], ["incident", "new", "{}"], ["compact", "x.db", "--into", "{}"],
    ["report", "{}", "--out={}"], ["repair", "x", "--store={}", "--operator", "me"], ["capture", "x.db", "{}"], ["{}"],
    ["capture", "x.db", "--into", "{}"], ["archive", "x.db", "--up-to", "{}", "--into", "{}"], ["doctor", "--{}"],
]  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(st.sampled_from(COMMANDS), st.sampled_from(SPELLINGS), PASSWORDS, st.booleans())
def test_no_password_is_shown_however_it_is_spelt(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: list[str],
    spelling: str,
    password: str,
    encoded: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    address = spelling.format(quote(password, safe="") if encoded else password)
    ran = shell(*(each.replace("{}", address) for each in command))
    assert ran.code == 2, ran
    assert MARKED not in ran.out + ran.err, ran


@settings(derandomize=True)
@given(st.sampled_from(SPELLINGS), PASSWORDS, st.sampled_from(["{}", "{!r} can't be read", "host {} isn't found"]))
def test_no_sentence_repeats_a_part_of_an_address_that_may_be_its_password(
    spelling: str, password: str, sentence: str
) -> None:
    """A driver's own sentence repeats whatever it took for host, option or port."""
    address = spelling.format(password)
    for part in (address, *address.split("/"), *address.split("@"), *address.split(":"), str(Path(address))):
        if MARKED in part and (may_hold_a_password(address) or part in (address, str(Path(address)))):
            assert MARKED not in without_credentials(sentence.format(part), [address])


def test_an_address_that_reads_one_way_is_told_but_for_its_password() -> None:
    given = ["postgresql://me:hun%74er2@db.example:5432/bank?sslpassword=other", "host=db password='it\\'s' dbname=x"]
    sentence = "database 'bank' at db.example:5432 refused hunter2, hun%74er2, other and it's"
    assert without_credentials(sentence, given) == "database 'bank' at db.example:5432 refused …, …, … and …"
    assert not any(map(may_hold_a_password, [*given, "sqlite:////home/me/a:b@c.db", "/home/10:15@night/ev"]))


def test_what_is_no_address_is_told_whole() -> None:
    for harmless in (
        "password authentication failed for user me",
        "write it like postgresql://user@host:5432/name, with @ : / ?",
        "at 10:15 by ada@example.org",
    ):
        assert without_credentials(harmless, ["ada@example.org", "ACC-1001", "2026-01-01T10:15:00Z"]) == harmless
    assert without_credentials("at postgresql://me:pw@h/x") == "at postgresql://me:…@h/x"


@pytest.mark.parametrize("markup", ["[/foo]", "[bold]"])
def test_markup_in_a_custody_log_an_anchor_or_a_statement_is_text(
    shell: Shell, tmp_path: Path, markup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich takes ``[/foo]`` for a mistake of ours, and ``[bold]`` for nothing to be shown."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    store, ev = hostile_store(tmp_path, "B"), tmp_path / "ev"
    statements = tmp_path / "bank.db.outside" / "statements"
    statements.mkdir(parents=True)
    head = "account_id,currency,booked_at,reference,amount_minor,balance_minor,value_day,bank_id,kind\n"
    good = ["B", "USD", "2026-01-01T00:00:00Z", "r", "5", "5", "", "", "entry"]
    for place in range(len(good)):
        line = ",".join([*good[:place], markup, *good[place + 1 :]])
        (statements / f"{place}{markup.replace('/', '')}.csv").write_text(head + line, "utf-8")
    assert shell("anchor", store).code == 0
    with sqlite3.connect(store) as connection:
        fields = ["root", "anchored_at", "key_id", "signature", "leaves", "log_id", "previous"]
        for place, field in enumerate(fields):
            chosen = ", ".join("?1" if name == field else name for name in fields)
            connection.execute(
                f"INSERT INTO anchors (position, event_count, {', '.join(fields)}) "
                f"SELECT {100 + place}, 1, {chosen} FROM anchors WHERE position < 100",
                (markup,),
            )
    connection.close()
    asked = [
        ["anchor", store], ["verify", store, "--domain", "bank"], ["capture", store, "--into", ev, "--domain", "bank"],
        ["verify", ev], ["diff", ev], ["diagnose", ev], ["reconcile", ev], ["custody", ev],
    ]  # fmt: skip
    told = []
    for command in asked:
        ran = shell(*command, *(["--operator", markup, "--reason", markup] if command[0] == "diff" else []))
        assert ran.code in (0, 1), (command, ran)
        told.append(ran.out + ran.err)
    assert markup.replace("\\", "") in told[2].replace("\\", ""), "shown as it is"
    log = tmp_path / "ev.custody.jsonl"
    *before, last = log.read_text("utf-8").splitlines()
    fields = [name for name, value in json.loads(last).items() if isinstance(value, str)]
    for field in fields:
        changed = json.dumps({**json.loads(last), field: markup}, separators=(",", ":"), ensure_ascii=False)
        log.write_text("\n".join([*before, changed]) + "\n", "utf-8")
        ran = shell("custody", ev)
        assert ran.code == 1, (field, ran)


def test_a_head_is_the_same_however_its_digits_are_written(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    ev = shutil.copytree(shared_evidence, tmp_path / "ev")
    shell("diff", ev)
    head = shell.json("custody", ev).document["head"]
    assert shell("custody", ev, "--head", f" {head.upper()} ").code == 0
    assert shell("custody", ev, "--head", "0" * 64).code == 1
    assert shell("custody", ev, "--head", head[:12]).code == 2
