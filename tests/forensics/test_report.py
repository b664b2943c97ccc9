"""The report stands up wherever it is opened: one page, everything escaped, every number that the inquiry has."""

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from support import SequentialIds, StepClock

from esworkbench.composition import capture
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, RequestWithdrawal
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.investigation.investigate import DisputedBalance, Reach, investigate
from esworkbench.forensics.investigation.report import render

HOSTILE = "A'\"<script>alert(1)</script>\n&{{ 7*7 }}"
OWNER = "<img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """The elements a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def evidence(sqlite_url: str, tmp_path: Path) -> Evidence:
    store = EventStore.open(sqlite_url, clock=StepClock(), new_id=SequentialIds())
    bank = Bank(store)
    bank.handle(OpenAccount(account_id=HOSTILE, owner=OWNER, currency="USD"))
    bank.handle(Deposit(account_id=HOSTILE, amount_minor=10_000, currency="USD", reference="</pre><b>pay</b>"))
    bank.handle(
        RequestWithdrawal(account_id=HOSTILE, withdrawal_id="<w>", amount_minor=4_723, currency="USD", reference="shop")
    )
    return capture(sqlite_url, tmp_path / "evidence", progress=False)


def page(evidence: Evidence) -> tuple[str, Tags]:
    claim = DisputedBalance(HOSTILE, "USD", 10_000, "the <b>customer</b>")
    text = render(investigate(evidence, claim=claim), evidence)
    tags = Tags()
    tags.feed(text)
    return text, tags


def test_nothing_from_the_data_becomes_markup(evidence: Evidence) -> None:
    text, tags = page(evidence)
    assert not {"script", "img", "b", "w"} & set(tags.seen)
    assert "{{" not in text.replace("&{{ 7*7 }}", "").replace("&amp;{{ 7*7 }}", "")
    assert "49" not in "".join(tags.text).split("A'")[1][:60]


def test_the_hostile_account_is_still_readable(evidence: Evidence) -> None:
    _, tags = page(evidence)
    assert any("<script>alert(1)</script>" in piece for piece in tags.text)


def test_the_page_names_the_evidence_by_hash_and_every_file(evidence: Evidence) -> None:
    text, _ = page(evidence)
    assert evidence.digest in text
    for digest in evidence.manifest.files.values():
        assert digest in text


def test_the_page_shows_the_claim_the_sum_and_the_difference(evidence: Evidence) -> None:
    text, _ = page(evidence)
    for amount in ("100.00 USD", "52.77 USD", "47.23 USD"):
        assert amount in text


def test_the_page_says_what_was_tested_for_every_fault(evidence: Evidence) -> None:
    text, _ = page(evidence)
    claim = DisputedBalance(HOSTILE, "USD", 10_000, "the customer")
    for fault in investigate(evidence, claim=claim).diagnosis.tested:
        assert fault in text


def test_whom_else_it_touches_is_told_by_the_evidences_scale(evidence: Evidence) -> None:
    reach = Reach(accounts=2, amounts={"USD": 4_723}, first=1, last=2)
    inquiry = msgspec.structs.replace(investigate(evidence), reach=reach)
    assert "2 accounts, 47.23 USD in all" in inquiry.reach_sentence
    assert "0.4723 USD in all" in msgspec.structs.replace(inquiry, decimals={"USD": 4}).reach_sentence
