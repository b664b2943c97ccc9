"""No ledger and no code is assumed: both are chosen by name, recorded, said aloud, and never loaded from data."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.domains.bank import Bank, Deposit, OpenAccount
from esworkbench.event_store import EventStore
from esworkbench.event_store.drafts import ANY_VERSION
from esworkbench.events import LOG_RECORDS, NewEvent
from esworkbench.evidence import Evidence, LedgerDefinition
from esworkbench.evidence.capturing.shipped_ledgers import NO_LEDGER
from esworkbench.resources import data_path

MINE = """
from pathlib import Path

from esworkbench.composition import DOMAINS
from esworkbench.domains.bank.read_models import AccountBalances

with Path({trace!r}).open("a") as trace:
    trace.write("loaded\\n")

DOMAIN = DOMAINS["bank"]._replace(name="mine")
NOT_A_DOMAIN = 3
"""


def a_bank(url: str) -> None:
    store = EventStore.open(url)
    bank = Bank(store)
    bank.handle(OpenAccount(account_id="A1", owner="Ann", currency="USD"))
    bank.handle(Deposit(account_id="A1", amount_minor=10_000, currency="USD", reference="r1"))
    store.engine.dispose()


def append(url: str, *event_types: str) -> None:
    store = EventStore.open(url)
    events = [NewEvent(event_type=each, payload=b'{"cents": 5}') for each in event_types]
    store.append("Wallet-w1", events, expected_version=ANY_VERSION)
    store.engine.dispose()


class MyCode:
    """A module that leaves a trace each time it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.trace = folder / "trace.txt"
        (folder / "my_code.py").write_text(MINE.format(trace=str(self.trace)), encoding="utf-8")

    def times_loaded(self) -> int:
        """How often since it was last asked; whatever loads it next has to load it anew."""
        sys.modules.pop("my_code", None)
        count = len(self.trace.read_text(encoding="utf-8").splitlines()) if self.trace.exists() else 0
        self.trace.unlink(missing_ok=True)
        return count


@pytest.fixture
def my_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MyCode:
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return MyCode(folder)


def test_a_store_of_no_domain_is_refused_with_what_to_type(shell: Shell, store_url: str, tmp_path: Path) -> None:
    append(store_url, "ToppedUp", "Spent")
    for command in (
        ["capture", store_url, "--into", tmp_path / "e"],
        ["investigate", store_url, "--out", tmp_path / "o"],
    ):
        ran = shell.json(*command)
        assert ran.code == 2
        assert (
            "(Spent, ToppedUp) belong to no domain that is built in, and no ledger is assumed" in ran.document["error"]
        )
        assert "--domain bank|orders|activity|document" in ran.document["error"]
        assert "--ledger FILE" in ran.document["error"]
    assert not (tmp_path / "e").exists()
    assert "--domain" in shell.json("rebuild", store_url, "--projection", "account_balances").document["error"]
    verified = shell.json("verify", store_url)
    assert (verified.code, verified.document["ledger"]["name"]) == (0, "none"), "a chain needs no ledger"


def test_with_its_ledger_it_is_captured_and_no_code_is_chosen(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    append(sqlite_url, "ToppedUp")
    ledger = tmp_path / "wallets.toml"
    ledger.write_text(
        'name = "wallets"\n[[posting]]\nevent = "ToppedUp"\namount = "cents"\ncurrency = "CHF"\nkind = "topup"\n',
        encoding="utf-8",
    )
    captured = shell.json("capture", sqlite_url, "--ledger", ledger, "--into", tmp_path / "evidence").document
    assert (captured["domain"], captured["ledger"]["name"]) == (None, "wallets")
    assert captured["ledger"]["origin"] == f"the file {ledger}"
    replayed = shell.json("replay", tmp_path / "evidence", "--account", "w1").document
    assert (replayed["balance"], replayed["currency"], replayed["state"]) == (5, "CHF", None)


def test_a_log_of_two_domains_is_refused_until_one_is_named(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    a_bank(sqlite_url)
    append(sqlite_url, "OrderPaid")
    ran = shell.json("capture", sqlite_url, "--into", tmp_path / "evidence")
    assert ran.code == 2
    assert "belong to several domains (bank, orders)" in ran.document["error"]
    named = shell.json("capture", sqlite_url, "--domain", "bank", "--into", tmp_path / "evidence").document
    assert (named["domain"], named["ledger"]["name"], named["unposted"]) == ("bank", "bank", {"OrderPaid v1": 1})
    assert named["ledger"]["origin"] == "the one that the domain bank ships, as typed"


def test_the_domain_of_a_file_is_refused_and_so_is_a_second_judge(
    shell: Shell, tmp_path: Path, shared_evidence: Path
) -> None:
    (tmp_path / "rows.csv").write_text("id;account\n", encoding="utf-8")
    ran = shell("capture", tmp_path / "rows.csv", "--domain", "bank", "--into", tmp_path / "evidence")
    assert (ran.code, "belongs to no domain" in ran.err) == (2, True)
    again = shell("verify", shared_evidence, "--ledger", data_path("ledgers", "orders.toml"))
    assert (again.code, "was judged when it was captured" in again.err) == (2, True)


def test_the_manifest_records_names_and_a_digest(shell: Shell, sqlite_url: str, tmp_path: Path) -> None:
    a_bank(sqlite_url)
    evidence = tmp_path / "evidence"
    captured = shell.json("capture", sqlite_url, "--into", evidence).document
    manifest = json.loads((evidence / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["domain"] == "bank"
    assert manifest["judged_by"] == captured["ledger"]
    assert manifest["judged_by"]["sha256"] == manifest["files"]["ledger.toml"]


def test_evidence_that_records_no_ledger_opens_and_its_code_is_recognised(
    shell: Shell, sqlite_url: str, tmp_path: Path
) -> None:
    a_bank(sqlite_url)
    evidence = tmp_path / "evidence"
    assert shell("capture", sqlite_url, "--into", evidence).code == 0
    path = evidence / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["judged_by"], manifest["domain"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    replayed = shell.json("replay", evidence, "--account", "A1").document
    assert replayed["state"]["owner"] == "Ann"
    assert replayed["ledger"] == {
        "name": "bank", "sha256": manifest["files"]["ledger.toml"],
        "origin": "kept with the evidence, origin not recorded",
    }  # fmt: skip


def test_module_and_object_come_from_the_command_line_alone(
    shell: Shell, sqlite_url: str, tmp_path: Path, my_code: MyCode
) -> None:
    a_bank(sqlite_url)
    evidence = tmp_path / "evidence"
    assert shell("capture", sqlite_url, "--domain", "my_code:DOMAIN", "--into", evidence).code == 0
    assert my_code.times_loaded() == 1
    assert json.loads((evidence / "manifest.json").read_text(encoding="utf-8"))["domain"] == "my_code:DOMAIN"
    for command in (["replay", "--account", "A1"], ["diff"], ["diagnose"], ["verify"],
                    ["report", "--out", tmp_path / "r.html"],
                    ["repair", "--store", sqlite_url, "--operator", "ada", "--apply", "--digest",
                     Evidence.open(evidence).digest]):  # fmt: skip
        assert shell(command[0], evidence, *command[1:]).code == 0
        assert my_code.times_loaded() == 0, command
    untyped = shell.json("replay", evidence, "--account", "A1")
    assert untyped.document["state"] is None
    assert "loaded where --domain my_code:DOMAIN is typed" in untyped.err
    typed = shell.json("replay", evidence, "--account", "A1", "--domain", "my_code:DOMAIN")
    assert (typed.document["state"]["owner"], my_code.times_loaded()) == ("Ann", 1)


def test_a_case_is_asked_again_with_code_only_if_it_is_typed_again(
    shell: Shell, shared_evidence: Path, tmp_path: Path, my_code: MyCode
) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(shared_evidence, evidence)
    code = ("--projection", "my_code:AccountBalances")
    found = shell.json("diagnose", evidence, *code)
    assert found.code == 1, found
    assert my_code.times_loaded() == 1
    ran = shell.json("case", evidence, "--replay")
    assert (ran.code, my_code.times_loaded()) == (2, 0)
    assert "add --projection my_code:AccountBalances" in ran.document["error"]
    assert shell.json("case", evidence, "--replay", "--projection", "my_code:DOMAIN").code == 2
    again = shell.json("case", evidence, "--replay", *code)
    assert (again.code, again.document["replayed"]) == (0, {"1": True})


def test_a_read_model_of_the_domain_goes_by_its_name(shell: Shell, shared_evidence: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    shutil.copytree(shared_evidence, evidence)
    assert shell.json("diagnose", evidence, "--projection", "account_balances").code == 1
    assert shell.json("case", evidence, "--replay").code == 0
    unknown = shell.json("diagnose", evidence, "--projection", "balances")
    assert (unknown.code, "there are account_balances, daily_summaries" in unknown.err) == (2, True)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("shop", "there are bank, orders, activity, document, or write module:object"),
        ("my_code:NOT_A_DOMAIN", "is not an esworkbench.composition.Domain"),
        ("my_code:NOTHING", "names no code"),
        ("no_such_module:DOMAIN", "names no code"),
    ],
)
def test_a_domain_that_is_none_is_refused_and_nothing_is_written(
    shell: Shell, sqlite_url: str, tmp_path: Path, my_code: MyCode, reference: str, sentence: str
) -> None:
    a_bank(sqlite_url)
    evidence = tmp_path / "evidence"
    assert shell("capture", sqlite_url, "--into", evidence).code == 0
    before = files_in(tmp_path)
    for command in (["capture", sqlite_url, "--into", tmp_path / "new"], ["replay", evidence, "--account", "A1"],
                    ["diagnose", evidence, "--projection", "account_balances"],
                    ["take-snapshots", sqlite_url]):  # fmt: skip
        ran = shell.json(*command, "--domain", reference)
        assert ran.code == 2, ran
        assert sentence in ran.document["error"]
    assert files_in(tmp_path) == before


def files_in(folder: Path) -> dict[str, str]:
    """All but the code, and what SQLite keeps beside a file while it is open."""
    return {
        name: digest
        for name, digest in fingerprint(folder).items()
        if not name.startswith("code") and not name.endswith(("-wal", "-shm"))
    }


def test_without_a_ledger_only_what_a_log_says_of_itself_is_known() -> None:
    assert set(LedgerDefinition.load(NO_LEDGER).without_posting) == LOG_RECORDS


def test_choosing_a_domain_loads_nothing_that_reads_evidence() -> None:
    code = (
        "import sys, esworkbench.composition; print({'duckdb', 'pyarrow', 'esworkbench.forensics'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert ran.stdout.strip() == "set()"
