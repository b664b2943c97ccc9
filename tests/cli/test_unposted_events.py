"""Promise: an event that nobody said the meaning of is counted aloud, and no answer about its log is clean."""

from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent

PAYLOAD = b'{"amount_minor":500,"currency":"CHF","reference":"r"}'


def a_store(folder: Path, stream: str, *types: tuple[str, int]) -> Path:
    store = EventStore.open(str(folder / "bank.db"))
    opened = NewEvent(event_type="AccountOpened", payload=b'{"owner":"Ada","currency":"CHF"}')
    money = NewEvent(event_type="MoneyDeposited", schema_version=3, payload=PAYLOAD)
    store.append("account-A", [opened, money], expected_version=0)
    odd = [NewEvent(event_type=name, schema_version=version, payload=PAYLOAD) for name, version in types]
    store.append(stream, odd, expected_version=store.stream_version(stream))
    store.engine.dispose()
    return folder / "bank.db"


@pytest.mark.parametrize(
    ("stream", "kind", "version"),
    [
        ("account-A", "MoneyDepositedd", 1), ("account-A", "MoneyDeposited", 99), ("account-B", "LogCompacted", 1),
        ("account-A", "BatchCompacted", 1), ("LogCompactions", "LogCompacted", 1), ("account-A", "moneydeposited", 3),
    ],
)  # fmt: skip
def test_events_that_no_rule_knows_make_no_clean_exit(
    shell: Shell, tmp_path: Path, stream: str, kind: str, version: int
) -> None:
    ev = tmp_path / "ev"
    store = a_store(tmp_path, stream, (kind, version), (kind, version))
    shell("capture", store, "--into", ev, "--domain", "bank")
    expected = {f"{kind} v{version}": 2}
    sentence = f"2 events of type {kind} v{version} post nothing: no rule of the ledger knows them"
    for command in (["diff", ev], ["diagnose", ev], ["investigate", store, "--domain", "bank"]):
        ran = shell.json(*command)
        assert (ran.code, ran.document["unposted"]) == (1, expected), command
        assert sentence in ran.err, command
    assert sentence in shell("bisect", ev, "--account", "A").out
    assert shell("report", ev, "--out", tmp_path / "r.html").code == 1
    assert f"{kind} v{version}" in (tmp_path / "r.html").read_text("utf-8")


def test_what_the_ledger_or_the_log_itself_lists_is_known(shell: Shell, tmp_path: Path) -> None:
    store = a_store(tmp_path, "LogCompaction-0123456789abcdef", ("CompactionBegun", 1), ("LogCompacted", 1))
    shell("capture", store, "--into", tmp_path / "ev", "--domain", "bank")
    for command in ("diff", "diagnose"):
        ran = shell.json(command, tmp_path / "ev")
        assert (ran.code, ran.document["unposted"]) == (0, {}), ran
