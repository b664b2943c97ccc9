"""A named cause is looked for in every account; what was decided meanwhile is listed; shares are exact."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from broken_copy import ACCOUNT, Copy
from lab_incidents import incident

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Ratio, Shares
from esworkbench.forensics.diagnosis.reach import decided_in_words, decided_on_wrong_balances, reach_of_each
from esworkbench.forensics.diagnosis.shares import per_cent
from esworkbench.forensics.investigation.investigate import investigate
from esworkbench.resources import data_path


def gross(evidence: Evidence, currency: str) -> int:
    return sum(
        abs(posting.amount_minor)
        for account, coin in evidence.accounts()
        if coin == currency
        for posting in evidence.postings(account, coin)
    )


def test_a_cause_is_counted_on_every_account_whichever_is_asked_about(tmp_path: Path) -> None:
    copy = Copy("double_apply", tmp_path)
    evidence = copy.evidence_of()
    whole, narrowed = diagnose(evidence), diagnose(evidence, account=ACCOUNT)
    found = [each for each in whole.findings if each.fault == "double_apply" and each.alternative_to is None]
    positions = [position for each in found for position in each.positions]
    reach = whole.reach["double_apply"]
    assert reach.accounts == len({each.account for each in found}) > 1
    assert reach.amounts == {
        currency: sum(each.amount for each in found if each.currency == currency)
        for currency in {each.currency for each in found}
    }
    assert (reach.first, reach.last) == (min(positions), max(positions))
    moments = dict(evidence.rows("SELECT position, recorded_at FROM events"))
    assert (reach.first_at, reach.last_at) == (moments[reach.first], moments[reach.last])
    assert narrowed.reach == whole.reach
    assert investigate(evidence, account=ACCOUNT).diagnosis.reach == whole.reach


def test_of_two_names_for_one_cause_one_is_counted() -> None:
    evidence = incident("handler_bug")
    diagnosis = diagnose(evidence)
    second = {each.fault for each in diagnosis.findings if each.alternative_to is not None}
    assert second
    assert set(diagnosis.reach).isdisjoint(second)
    assert reach_of_each(evidence, []) == {}


def test_what_was_decided_on_a_wrong_balance_is_listed_from_the_first_wrong_event_on() -> None:
    """By hand: the account's own events of the ledger's types that lie behind the first that the finding names."""
    evidence = incident("payload_edited")
    diagnosis = diagnose(evidence)
    [finding] = diagnosis.unhealthy
    assert finding.account is not None
    first = min(finding.positions)
    types = ("InterestCredited", "AccountClosed")
    after = evidence.rows(
        "SELECT position, type FROM events WHERE stream_id = $stream AND position > $first ORDER BY 1",
        stream=evidence.own_stream(finding.account), first=first,
    )  # fmt: skip
    expected = [position for position, kind in after if kind in types]
    decided = diagnosis.decided
    assert decided is not None
    assert decided.count == sum(decided.by_type.values()) == len(expected) > 0
    assert [each.position for each in decided.events] == expected[: len(decided.events)]
    assert decided.accounts == 1
    moved = [each.amount_minor for each in evidence.postings(finding.account) if each.position in expected]
    assert decided.amounts == {"USD": sum(map(abs, moved))}
    assert f"{len(expected):,} events on 1 account" in decided_in_words(decided, evidence.money)


def test_what_was_decided_on_another_balance_that_the_same_fault_made_wrong_is_listed_too() -> None:
    evidence = incident("payload_edited")
    [finding] = diagnose(evidence).unhealthy
    first = min(finding.positions)
    after = evidence.rows(
        "SELECT DISTINCT substr(stream_id, strpos(stream_id, '-') + 1), position FROM events "
        "WHERE type = 'InterestCredited' AND position > $first ORDER BY position", first=first,
    )  # fmt: skip
    others = {account for account, coin in evidence.accounts() if coin == finding.currency} - {finding.account}
    other = next(account for account, _ in after if account in others)
    both = msgspec.structs.replace(finding, amount=0, elsewhere={other: 500})
    decided = decided_on_wrong_balances(evidence, [both])
    assert decided is not None
    assert decided.by_type["InterestCredited"] == sum(account == other for account, _ in after)
    assert {each.account for each in decided.events} == {other}


def test_where_nobody_knows_since_when_a_balance_was_wrong_nothing_is_listed(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    copy.edit_balance(31_337)
    decided = diagnose(copy.evidence_of()).decided
    assert decided is not None
    assert (decided.count, decided.unknown_since) == (0, 1)
    assert "not known of 1" in decided_in_words(decided, copy.evidence.money)


def test_without_a_word_of_the_ledger_nothing_is_said_of_decisions() -> None:
    evidence = incident("payload_edited")
    silent = Evidence(evidence.path, evidence.manifest, LedgerDefinition.parse(ledger(b""), "ledger"), evidence.digest)
    assert decided_on_wrong_balances(silent, diagnose(evidence).findings) is None


def test_of_a_healthy_bank_all_is_cleared_timely_complete_and_explained() -> None:
    evidence = incident("none")
    shares = diagnose(evidence).shares
    assert sorted(shares) == ["EUR", "USD"]
    for currency, share in shares.items():
        whole = gross(evidence, currency)
        events = evidence.manifest.rows["events"]
        assert share == Shares(
            cleared=Ratio(whole, whole), timely=Ratio(whole, whole), complete=Ratio(events, events),
            unexplained=Ratio(0, whole),
        )  # fmt: skip
        assert share.reach(100)


def test_what_claims_differ_by_is_not_cleared_and_by_the_claim_that_differs_most(tmp_path: Path) -> None:
    """One minor unit is enough: 100 is said of the whole alone."""
    copy = Copy("none", tmp_path)
    copy.edit_balance(1)
    evidence = copy.evidence_of()
    usd = diagnose(evidence).shares["USD"]
    assert (usd.cleared.of, usd.cleared.over) == (gross(evidence, "USD") - 1, gross(evidence, "USD"))
    assert not usd.reach(100)
    assert usd.reach(99)
    assert per_cent(usd.cleared) == "99.99 %"


def test_what_a_projection_has_yet_to_read_is_not_timely() -> None:
    evidence = incident("lag")
    usd = diagnose(evidence).shares
    behind = min(evidence.manifest.cut.checkpoints.values())
    late = evidence.rows(
        "SELECT currency, sum(abs(amount_minor))::BIGINT FROM postings WHERE position > $behind GROUP BY 1",
        behind=behind,
    )
    assert {name: share.timely.over - share.timely.of for name, share in usd.items() if share.timely.of} == {
        name: dict(late).get(name, 0) for name in usd
    }
    assert all(share.cleared.of == share.cleared.over for share in usd.values())


@pytest.mark.parametrize(
    ("of", "over", "down", "up"),
    [(0, 7, "0.00 %", "0.00 %"), (7, 7, "100.00 %", "100.00 %"), (10**17 - 1, 10**17, "99.99 %", "100.00 %"),
     (1, 10**17, "0.00 %", "0.01 %"), (1, 3, "33.33 %", "33.34 %"), (0, 0, "—", "—")],
)  # fmt: skip
def test_a_per_cent_is_rounded_in_nobodys_favour(of: int, over: int, down: str, up: str) -> None:
    assert (per_cent(Ratio(of, over)), per_cent(Ratio(of, over), upwards=True)) == (down, up)


def shares(cleared: int = 10, timely: int = 10, complete: int = 10, unexplained: int = 0, over: int = 10) -> Shares:
    parts = [Ratio(part, over) for part in (cleared, timely, complete, unexplained)]
    return Shares(cleared=parts[0], timely=parts[1], complete=parts[2], unexplained=parts[3])


def test_every_share_has_to_reach_what_is_required() -> None:
    assert shares().reach(100)
    for short in (shares(cleared=9), shares(timely=9), shares(complete=9), shares(unexplained=1)):
        assert not short.reach(91)
        assert short.reach(90)
    assert shares(0, 0, 0, 0, over=0).reach(100)
    assert not shares(0, 0, 0, 1, over=0).reach(1)


def ledger(line: bytes) -> bytes:
    text = data_path("ledgers", "bank.toml").read_bytes()
    start = text.index(b"depends_on_balance")
    return text[:start] + line + text[text.index(b"]", start) + 1 :]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'depends_on_balance = ["Nothing"]', "names 'Nothing', which no"),
        (b'depends_on_balance = ["AccountClosed", "AccountClosed"]', "more than once"),
        (b'depends_on_balance = "AccountClosed"', "Expected `array`"),
        (b"depends_on_balance = [1]", "Expected `str`"),
    ],
)
def test_a_ledger_that_names_decisions_badly_is_refused_in_a_sentence(line: bytes, sentence: str) -> None:
    with pytest.raises(UnusableInput, match=sentence):
        LedgerDefinition.parse(ledger(line), "bank.toml")


def test_times_of_reach_are_those_of_the_log() -> None:
    reach = diagnose(incident("payload_edited")).reach["payload_edited"]
    assert isinstance(reach.first_at, datetime)
    assert reach.first_at.astimezone(UTC) <= incident("payload_edited").now
