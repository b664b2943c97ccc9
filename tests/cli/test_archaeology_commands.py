"""From a shell: the shapes of a log nobody documented, contract tests drafted, and the log compacted into a new one."""

from pathlib import Path

import pytest
from cli_shell import Shell, digest_of

from esworkbench.event_store import EventStore
from esworkbench.lab import Incident
from esworkbench.lab.inherited import load_inherited

LEGACY = "esworkbench.lab.inherited:legacy_latest_shape"
CHAIN = "esworkbench.lab.inherited.upcasters:inherited_latest_shape"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    store = EventStore.open(str(path))
    load_inherited(store)
    store.engine.dispose()
    return path


def test_shapes_of_the_inherited_log(shell: Shell, shop: Path) -> None:
    ran = shell.json("shapes", shop)
    assert ran.code == 1, "versions that lie are a finding"
    types = {each["event_type"]: each["versions"] for each in ran.document["types"]}
    assert {name: len(versions) for name, versions in types.items()} == {
        "CustomerRegistered": 4, "LoyaltyPointsGranted": 2, "OrderCancelled": 2, "OrderPlaced": 5, "OrderShipped": 3,
        "PaymentReceived": 3, "RefundIssued": 2, "ReviewPosted": 3, "StockAdjusted": 3,
    }  # fmt: skip
    assert (ran.document["disagreements"], ran.document["suspicions"]) == (8, 1)
    second = types["PaymentReceived"][1]
    assert (second["version"], second["first_at"][:4], second["last_at"][:4]) == (2, "2017", "2020")
    assert second["recorded_versions"] == {"1": second["events"]}
    assert second["changes"] == [
        {"kind": "retyped", "text": "type of amount changed from number to string", "certainty": "certain"}
    ]
    assert [field["path"] for field in second["fields"]] == ["amount", "method", "order_id"]
    assert "recorded as v1 in" in shell("shapes", shop).out


def test_one_type_whole_or_sampled(shell: Shell, shop: Path) -> None:
    whole = shell.json("shapes", shop, "--type", "RefundIssued", "--sample", 0)
    assert whole.code == 0
    assert sum(version["events"] for version in whole.document["types"][0]["versions"]) == 158
    sampled = shell.json("shapes", shop, "--type", "RefundIssued", "--sample", 50, "--seed", 3)
    assert sum(version["events"] for version in sampled.document["types"][0]["versions"]) <= 50


def test_contract_tests_are_drafted_into_a_new_file(shell: Shell, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "test_contracts.py"
    assert shell.json("shapes", shop, "--draft", file, "--through", LEGACY).document["drafted"] == str(file)
    assert file.read_text().count("\ndef test_") == 27
    for refused in (
        shell("shapes", shop, "--draft", file, "--through", LEGACY),
        shell("shapes", shop, "--draft", tmp_path / "other.py"),
        shell("shapes", shop, "--draft", tmp_path / "other.py", "--through", "esworkbench.nothing:here"),
        shell("shapes", shop, "--draft", tmp_path / "other.py", "--through", "esworkbench.errors:__doc__"),
    ):
        assert refused.code == 2
    assert list(tmp_path.iterdir()) == [file]


def test_compact_the_inherited_log(shell: Shell, shop: Path, tmp_path: Path) -> None:
    before = digest_of(shop)
    ran = shell.json("compact", shop, "--into", tmp_path / "new.db", "--through", CHAIN)
    assert ran.code == 0, ran.err
    document = ran.document
    assert (document["events_read"], document["events_written"], document["dropped"]) == (4815, 4815, [])
    assert (document["verified"], document["problems"], document["head_position"]) == (True, [], 4815)
    assert shell.json("compact", shop, "--into", tmp_path / "new.db", "--through", CHAIN).document == document
    assert digest_of(shop) == before
    assert shell.json("shapes", tmp_path / "new.db").code == 0
    assert shell.json("verify", tmp_path / "new.db").document["breaks"] == []


def test_compact_the_bank_without_being_told_how(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    ran = shell.json("compact", incident.url, "--into", tmp_path / "new.db")
    assert ran.code == 0, ran.err
    [deposits] = shell.json("shapes", tmp_path / "new.db", "--type", "MoneyDeposited").document["types"]
    assert [list(version["recorded_versions"]) for version in deposits["versions"]] == [["3"]]


def test_bad_input_is_one_sentence_and_nothing_is_written(shell: Shell, shop: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    for arguments, sentence in (
        (["shapes", tmp_path / "missing.db"], "missing.db"),
        (["shapes", shop, "--type", "OrderPlacd"], "it holds CustomerRegistered"),
        (["shapes", shop, "--sample", 1], "both ends"),
        (["compact", tmp_path / "missing.db", "--into", new], "missing.db"),
        (["compact", shop, "--into", new, "--through", "nothing"], "module:function"),
        (["compact", shop, "--into", shop, "--through", CHAIN], "already holds events"),
    ):
        ran = shell(*arguments)
        assert ran.code == 2, ran
        assert sentence in ran.err
        assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_events_of_a_type_that_the_reader_does_not_know_stop_it(shell: Shell, shop: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    ran = shell("compact", shop, "--into", new)
    assert ran.code == 2
    assert "the domain orders knows too few of the event types" in ran.err
    assert "--through module:function" in ran.err
    assert not new.exists(), "whose code reads the log is asked before anything is written"
    ran = shell("compact", shop, "--into", new, "--domain", "bank")
    assert ran.code == 2
    assert "'ReviewPosted' at position 1 has no latest version here" in ran.err
