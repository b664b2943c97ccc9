"""What an operator's monitoring asks in one command: exit code 1 is an alarm, and the numbers are in the document."""

from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.domains.bank import OpenAccount, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.read_models import PendingWithdrawals
from esworkbench.event_store import EventStore
from esworkbench.lab import Incident, build_incident, reveal
from esworkbench.projections import ProjectionRunner
from tests.support import START


@pytest.fixture(scope="module")
def lagging(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    folder = tmp_path_factory.mktemp("lagging")
    return build_incident(f"sqlite:///{folder / 'bank.db'}", fault="lag", seed=3, scale="small")


def test_a_projection_that_stopped_is_an_alarm_and_the_others_are_healthy(shell: Shell, lagging: Incident) -> None:
    [planted] = reveal(lagging.url)
    ran = shell.json("lag", lagging.url)
    assert ran.code == 1
    found = {each["projection"]: each for each in ran.document["projections"]}
    assert {name: each["verdict"] for name, each in found.items()} == {
        "account_balances": "alarm",
        "daily_summaries": "healthy",
        "pending_withdrawals": "healthy",
        "transaction_history": "healthy",
    }
    behind = found["account_balances"]
    assert behind["positions"] == len(planted.positions)
    assert behind["checkpoint"] == planted.positions[0] - 1
    assert behind["seconds"] == behind["seconds_percentiles"]["p99"] > 2
    assert behind["waited_seconds_percentiles"]["p50"] >= 0
    assert "alarm" in ran.err


def test_a_healthy_projection_is_no_alarm(shell: Shell, lagging: Incident) -> None:
    ran = shell.json("lag", lagging.url, "--projection", "daily_summaries")
    assert ran.code == 0
    [found] = ran.document["projections"]
    assert (found["projection"], found["verdict"], found["positions"], found["samples"]) == (
        "daily_summaries", "healthy", 0, 1,
    )  # fmt: skip


def test_watching_takes_several_samples(shell: Shell, lagging: Incident) -> None:
    ran = shell.json("lag", lagging.url, "--watch", "0.01")
    assert {each["samples"] for each in ran.document["projections"]} == {2}


def test_a_projection_that_never_ran_is_named_with_those_that_did(shell: Shell, lagging: Incident) -> None:
    ran = shell.json("lag", lagging.url, "--projection", "orders")
    assert ran.code == 2
    assert "'orders' has never run" in ran.document["error"]
    assert "account_balances" in ran.document["error"]


def test_the_monitor_finds_the_withdrawal_that_nobody_settled(shell: Shell, incident: Incident) -> None:
    [planted] = reveal(incident.url)
    ran = shell.json("pending", incident.url)
    assert ran.code == 1
    assert ran.document["limit_seconds"] == 24 * 3600
    [hold] = [each for each in ran.document["pending"] if each["position"] in planted.positions]
    assert (hold["account_id"], hold["amount_minor"], hold["currency"]) == (
        planted.account, planted.amount, planted.currency,
    )  # fmt: skip
    assert f"--account {hold['account_id']}" in ran.err or len(ran.document["pending"]) > 1


def test_a_longer_limit_finds_less_and_a_wrong_one_is_refused(shell: Shell, incident: Incident, tmp_path: Path) -> None:
    assert shell.json("pending", incident.url, "--older-than", "99999d").code == 0
    assert shell.json("pending", incident.url, "--older-than", "0m").code == 1
    refused = shell.json("pending", incident.url, "--older-than", "soon")
    assert refused.code == 2
    assert "write it like 24h, 90m or 2d" in refused.document["error"]
    no_limit = tmp_path / "ledger.toml"
    no_limit.write_text('name = "plain"\n', encoding="utf-8")
    assert shell.json("pending", incident.url, "--ledger", no_limit).code == 2


def test_both_ask_the_clock_of_either_engine(shell: Shell, store_url: str) -> None:
    """Requested on the first day of 2026, and open ever since."""
    store = EventStore.open(store_url, clock=lambda: START)
    bank, money = Bank(store), {"amount_minor": 10_00, "currency": "USD", "reference": "r"}
    bank.handle(OpenAccount(account_id="a", owner="Ada", currency="USD", overdraft_limit_minor=10_00))
    assert "no projection has ever run" in shell.json("lag", store_url).document["error"]
    assert "run its projection once" in shell.json("pending", store_url).document["error"]
    bank.handle(RequestWithdrawal(account_id="a", withdrawal_id="w", **money))
    ProjectionRunner(store, PendingWithdrawals(), bank_decoder(), run_id="r").catch_up()
    store.engine.dispose()

    [found] = shell.json("lag", store_url).document["projections"]
    assert (found["projection"], found["verdict"], found["positions"]) == ("pending_withdrawals", "healthy", 0)
    assert shell.json("pending", store_url, "--older-than", "99999d").code == 0
    ran = shell.json("pending", store_url)
    assert (ran.code, [hold["withdrawal_id"] for hold in ran.document["pending"]]) == (1, ["w"])
