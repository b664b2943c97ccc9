"""Banks of ten to a hundred thousand accounts, with lives that look like lives."""

import json
from collections import Counter
from pathlib import Path

import pytest
from second_look import Look, booked, statement

from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.lab import build_incident


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


def test_the_bank_has_as_many_accounts_as_asked_for(tmp_path: Path) -> None:
    for accounts in (10, 300):
        url = f"sqlite:///{tmp_path / str(accounts)}.db"
        assert build_incident(url, fault="none", seed=2, scale="small", accounts=accounts).accounts == accounts


@pytest.mark.parametrize("accounts", [-1, 0, 9, 100_001])
def test_fewer_than_ten_or_more_than_a_hundred_thousand_are_refused(
    tmp_path: Path, sqlite_url: str, accounts: int
) -> None:
    with pytest.raises(UnusableInput, match="a bank has 10 to 100,000 accounts"):
        build_incident(sqlite_url, fault="none", accounts=accounts)
    assert list(tmp_path.iterdir()) == []


def test_short_lives_look_like_lives_and_are_healthy(sqlite_url: str, tmp_path: Path) -> None:
    """One reference for many payments, twins, five currencies, refusals, late value dates: and nothing is wrong."""
    built = build_incident(sqlite_url, fault="none", seed=2, scale="small", accounts=300)
    look = Look(sqlite_url)
    assert look.balances_off() == look.history_off() == look.days_off() == look.statement_off(built.outside) == {}
    postings = look.postings()
    by_account = {key: [posted for posted in postings if (posted.account, posted.currency) == key] for key in
                  {(posted.account, posted.currency) for posted in postings}}  # fmt: skip
    for key, lines in statement(built.outside).items():
        for at, balance in dict(lines).items():  # of one moment the last line
            assert booked(by_account[key], at, {key: 0}) == {key: balance}, (key, at)
    assert {posted.currency for posted in postings} == {"USD", "EUR", "GBP", "CHF", "JPY"}
    kinds = Counter(posted.event_type for posted in postings if posted.account >= "ACC-20001")
    assert min(kinds[each] for each in ("WithdrawalSettled", "WithdrawalCancelled", "MoneyWithdrawn")) > 5
    rows = look.rows("SELECT stream_id, event_type, payload, recorded_at, valid_at FROM events")
    references = Counter((row[0], json.loads(row[2]).get("reference")) for row in rows if "GYM" in str(row[2]))
    assert max(references.values()) > 1
    assert sum(row[1] == "AccountClosed" for row in rows) > 10
    assert sum(row[3] != row[4] for row in rows) > 10
    diagnosis = diagnose(capture(sqlite_url, tmp_path / "evidence", progress=False))
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


def test_one_seed_gives_the_same_many_accounts(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}" for name in ("one.db", "two.db")]
    for url in urls:
        build_incident(url, fault="manual_edit", seed=2, scale="small", accounts=60)
    assert Look(urls[0]).contents() == Look(urls[1]).contents()


def test_the_first_accounts_live_as_they_do_without_the_others(tmp_path: Path) -> None:
    """So a fault can be studied in a small bank, and looked for in a large one."""
    lives = []
    for name, accounts in (("few.db", 41), ("many.db", 90)):
        url = f"sqlite:///{tmp_path / name}"
        build_incident(url, fault="none", seed=2, scale="small", accounts=accounts)
        lives.append(
            [(p.account, p.event_type, p.amount) for p in Look(url).postings() if p.account < "ACC-20001"]
        )  # fmt: skip
    assert lives[0] == lives[1]
