"""What a statement proves, suggests, and leaves open (promises 14 and 15): lives written by hand and at random."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from statement_world import LEDGER, World, a_bank, later, live, print_files

from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.diagnosis.corrected_since import MOST
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding

HEALTHY = [*range(6), *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(6, 400))]
DAMAGED = [0, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(1, 60))]


def judged(world: World, tmp_path: Path, *, covers: bool = True) -> Diagnosis:
    """With the whole statement at hand unless the test printed one, or with none."""
    if covers and not world.files:
        world.files["s.csv"] = world.printed()
    return diagnose(world.write(tmp_path / "evidence"), now=world.now)


def told(diagnosis: Diagnosis) -> list[tuple[str, str | None, int, str]]:
    return [(each.fault, each.account, each.amount, each.certainty) for each in diagnosis.findings]


def only(diagnosis: Diagnosis) -> Finding:
    assert diagnosis.unexplained == []
    [finding] = diagnosis.findings
    return finding


@pytest.mark.parametrize("seed", HEALTHY)
def test_of_a_healthy_life_nothing_is_said(seed: int, tmp_path: Path) -> None:
    """However odd the life, and however the bank prints it: early, late, in parts, newest first, in two files."""
    chance, world = random.Random(seed), World()
    live(world, chance)
    print_files(world, chance)
    evidence = world.write(tmp_path / "evidence")
    diagnosis = diagnose(evidence, now=world.now)
    assert [(each.fault, each.account, each.amount, each.proof) for each in diagnosis.unhealthy] == []
    assert [(each.account, each.amount, each.words) for each in diagnosis.unexplained] == []
    assert diff(evidence).divergent == 0


class Truth(NamedTuple):
    """What was done, written down before anybody is asked."""

    fault: str
    account: str
    amount: int
    event_ids: list[str]


def _retried(world: World, chance: random.Random) -> Truth:
    amount, reference = chance.randint(1, 9_999), world.new_id()
    world.pay("A", amount, reference)
    return Truth("retry_duplicate", "A", -amount, [world.pay("A", amount, reference, told=False)])


def _unanswered(world: World, chance: random.Random) -> Truth:
    hold = world.hold("A", chance.randint(1, 9_999), world.new_id())
    return Truth("unresolved_pending", "A", hold.amount, [hold.event_id])


def _answer_lost(world: World, chance: random.Random) -> Truth:
    hold = world.hold("A", chance.randint(1, 9_999), world.new_id())
    world.book("A", -hold.amount, hold.reference)
    return Truth("unresolved_pending", "A", 0, [hold.event_id])


def _tip(world: World, chance: random.Random) -> Truth:
    hold, tip = world.hold("A", 5_000, world.new_id()), chance.choice([-300, 1, 1_000])
    return Truth("settled_otherwise", "A", -tip, [world.settle(hold, 5_000 + tip)])


def _half_sent(world: World, chance: random.Random) -> Truth:
    amount, reference = chance.randint(1, 9_999), world.new_id()
    sent = world.record("A", -amount, "Sent", id=world.new_id(), to="B", reference=reference)
    world.book("A", -amount, reference)
    world.book("B", amount, reference)
    return Truth("half_transfer", "A", amount, [sent])


def _never_recorded(world: World, chance: random.Random) -> Truth:
    amount = chance.choice([-1, 1]) * chance.randint(1, 9_999)
    world.book("A", amount, world.new_id())
    return Truth("never_appended", "A", amount, [])


@pytest.mark.parametrize("seed", DAMAGED)
@pytest.mark.parametrize("act", [_retried, _unanswered, _answer_lost, _tip, _half_sent, _never_recorded])
def test_one_act_in_a_life_is_named_with_its_amount_and_nothing_else_is(
    act: Callable[[World, random.Random], Truth], seed: int, tmp_path: Path
) -> None:
    chance, world = random.Random(seed), World()
    live(world, chance, count=6)
    truth = act(world, chance)
    world.wait(days=2)
    live(world, chance, count=6)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert [Truth(each.fault, str(each.account), each.amount, each.event_ids) for each in diagnosis.findings] == [truth]
    assert diagnosis.unexplained == []


@pytest.mark.parametrize(
    ("account", "currency"),
    [("ANNÉ-1 ", "USD"), ("anné-1", "USD"), ("ANNE\u0301-1", "USD"), ("ANNÉ-1", "usd"), ("\u00a0ANNÉ-\u200b1", "USD ")],
)
def test_a_statement_that_spells_the_account_otherwise_is_said_to(account: str, currency: str, tmp_path: Path) -> None:
    """Otherwise all of a healthy account's money would be missing events."""
    world = World()
    world.pay("ANNÉ-1", 500, "r1")
    world.pay("B", 700, "r2")
    world.wait(days=1)
    world.files["s.csv"] = [
        line._replace(account=account, currency=currency) if line.account == "ANNÉ-1" else line
        for line in world.printed()
    ]
    found = only(judged(world, tmp_path))
    assert (found.fault, found.account, found.amount, found.certainty) == ("never_appended", account, 500, "possible")
    assert f"no event is of account {account!r} in {currency!r}, and the log has 'ANNÉ-1' in 'USD'" in found.proof
    assert "spell it as the log does" in (found.remedy or "")


def test_a_statement_of_an_account_that_nobody_knows_names_no_other(tmp_path: Path) -> None:
    world = World()
    world.pay("ANNÉ-1", 500, "r1")
    world.book("ANNÉ-10", 500, "r1")
    world.wait(days=1)
    [found] = [each for each in judged(world, tmp_path).findings if each.fault == "never_appended"]
    assert found.account == "ANNÉ-10"
    assert "differs only in blanks" not in found.proof


@pytest.mark.parametrize("seed", DAMAGED)
def test_a_line_cut_out_of_a_life_is_the_statements_fault_wherever_it_stood(seed: int, tmp_path: Path) -> None:
    chance, world = random.Random(seed), World()
    live(world, chance, count=8)
    later(world)
    lines = world.printed()
    places = [place for place, line in enumerate(lines) if line.account == "A" and line.currency == "USD"]
    lost = lines.pop(chance.choice(places[1:-1]))
    world.files["s.csv"] = lines
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis)[:1] == [("statement_incomplete", "A", -lost.amount, "proven")]
    assert all(each.alternative_to for each in diagnosis.findings[1:])
    assert diagnosis.unexplained == []


# A reference is a hint


@pytest.mark.parametrize("covers", [True, False])
def test_a_reference_that_comes_every_month_is_no_retry(covers: bool, tmp_path: Path) -> None:
    world = a_bank()
    for _ in range(4):
        world.pay("A", -9_000, "RENT")
        world.wait(days=30)
    later(world)
    assert judged(world, tmp_path, covers=covers).findings == []


@pytest.mark.parametrize("covers", [True, False])
def test_a_declined_hold_and_its_retry_are_no_retry_duplicate(covers: bool, tmp_path: Path) -> None:
    world = a_bank()
    world.cancel(world.hold("A", 4_500, "SHOP"))
    world.settle(world.hold("A", 4_500, "SHOP"))
    later(world)
    assert judged(world, tmp_path, covers=covers).findings == []


def test_two_bookings_that_the_statement_tells_are_two(tmp_path: Path) -> None:
    world = a_bank()
    for _ in range(2):
        world.pay("A", 4_321, "X-1")
    later(world)
    assert judged(world, tmp_path).findings == []


@pytest.mark.parametrize(
    ("hours", "certainty"), [(0.5, "proven"), (20, "likely"), (24 * 30, "possible")]
)  # fmt: skip
def test_the_farther_apart_two_like_events_are_the_less_one_line_proves(
    hours: float, certainty: str, tmp_path: Path
) -> None:
    """A month apart it may as well be the statement that lost a line: both are named, and the amount counts once."""
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.wait(hours=hours)
    second = world.pay("A", 4_321, "X-1", told=False)
    later(world)
    diagnosis = judged(world, tmp_path)
    first, *others = diagnosis.findings
    assert (first.fault, first.amount, first.certainty) == ("retry_duplicate", -4_321, certainty)
    assert first.event_ids == [second]
    assert [each.fault for each in others] == ([] if certainty == "proven" else ["statement_incomplete"])
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("key", [None, "k"])
def test_of_part_payments_that_the_bank_books_one_by_one_none_is_surely_too_many(
    key: str | None, tmp_path: Path
) -> None:
    """The bank says that several alike are genuine, so it may as well have lost a line; one key says one request."""
    world = a_bank()
    given = {} if key is None else {"idempotency_key": key}
    for number in range(4):
        world.pay("A", -2_500, "INV-9", told=number != 2, **given)
    later(world)
    found = only_fault(judged(world, tmp_path), "retry_duplicate")
    assert (found.amount, found.certainty) == (2_500, "possible" if key is None else "proven")


def test_a_log_without_hashes_proves_no_retry(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    later(world)
    world.ledger.layout = "somebody-elses"
    for event in world.ledger.events:
        event["hash"] = event["prev_hash"] = None
    diagnosis = judged(world, tmp_path)
    assert [each.certainty for each in diagnosis.findings if each.fault == "retry_duplicate"] == ["likely"]


@pytest.mark.parametrize(("reference", "certainty"), [("X-1-R", "likely"), ("Y-2", "possible")])
def test_a_retry_under_another_reference_is_never_proven(reference: str, certainty: str, tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    second = world.pay("A", 4_321, reference, told=False)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [
        ("retry_duplicate", "A", -4_321, certainty), ("statement_incomplete", "A", -4_321, "possible"),
    ]  # fmt: skip
    assert diagnosis.findings[0].event_ids == [second]


@pytest.mark.parametrize(("minutes", "said"), [(10, ["retry_duplicate"]), (24 * 60, [])])
def test_where_no_statement_covers_the_second_only_two_in_short_order_are_possible(
    minutes: int, said: list[str], tmp_path: Path
) -> None:
    """A statement that ends before it was booked covers nothing after its last line."""
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.wait(minutes=minutes)
    world.pay("A", 4_321, "X-1", told=False)
    diagnosis = judged(world, tmp_path)
    assert [each.fault for each in diagnosis.findings] == said
    assert all(each.certainty == "possible" for each in diagnosis.findings)
    assert diagnosis.tested["retry_duplicate"].startswith("found" if said else "not_testable: 1 event repeats")


@pytest.mark.parametrize("covers", [True, False])
def test_only_a_statement_rules_out_that_one_of_many_alike_is_too_many(covers: bool, tmp_path: Path) -> None:
    """Without one they may be rents, or one rent too many: nobody has been told how many were meant."""
    world = a_bank()
    for _ in range(4):
        world.pay("A", -9_000, "RENT")
        world.wait(days=30)
    later(world)
    said = judged(world, tmp_path, covers=covers).tested["retry_duplicate"]
    assert said.startswith("ruled_out" if covers else "not_testable: 3 events repeat reference")


@pytest.mark.parametrize(
    ("since", "certainty"),
    [
        ([], "proven"), ([-999], "proven"), ([4_321], "proven"), ([-4_321], "likely"), ([-4_000, -321], "likely"),
        ([-4_000, 500, -321], "likely"), ([-9_000], "proven"),
    ],
)  # fmt: skip
def test_what_may_have_been_put_right_since_is_not_proven_to_be_owed(
    since: list[int], certainty: str, tmp_path: Path
) -> None:
    """What comes after the end of the statement is known to the log alone, and bears any reference."""
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    later(world)
    places = [int(world.pay("A", amount, f"COR-{amount}", told=False)[1:]) for amount in since]
    finding = only_fault(judged(world, tmp_path), "retry_duplicate")
    assert (finding.amount, finding.certainty) == (-4_321, certainty)
    named = [place for place, amount in zip(places, since, strict=True) if amount < 0 and certainty == "likely"]
    assert all(str(place) in finding.proof.partition("; but ")[2] for place in named)


def test_two_parts_that_make_up_for_a_double_are_seen_behind_hundreds_of_larger_payments(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    later(world)
    for amount in [*[-9_000] * MOST, -4_000, -321]:
        world.pay("A", amount, f"COR-{amount}", told=False)
    assert only_fault(judged(world, tmp_path), "retry_duplicate").certainty == "likely"


SIGNED = (
    LEDGER.replace(b', "Fee", "Adjusted"]', b"]")
    + b"""
[[posting]]
event = "Fee"
amount = "amount"
sign = -1
currency = "USD"
kind = "fee"
[[posting]]
event = "Adjusted"
amount = "amount"
currency = "USD"
kind = "adjustment"
"""
)
"""A ledger in which an adjustment bears its own sign, and a fee goes one way for good."""


@pytest.mark.parametrize(("kind", "amount", "certainty"), [
    ("Adjusted", -4_000, "likely"), ("Adjusted", 4_000, "proven"), ("Fee", -4_000, "proven"),
])  # fmt: skip
def test_an_adjustment_of_another_amount_may_have_put_it_right_with_something_else_if_it_goes_the_other_way(
    kind: str, amount: int, certainty: str, tmp_path: Path
) -> None:
    world = a_bank()
    world.ledger.ledger = SIGNED.replace(b'event = "Moved"', b'event = "Moved"\nsign = 1', 1)
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    later(world)
    world.pay("A", amount, "COR", kind=kind, told=False)
    assert only_fault(judged(world, tmp_path), "retry_duplicate").certainty == certainty


def doubled(*references: str) -> World:
    """A bank with adjustments, and deposits that were recorded twice and booked once."""
    world = a_bank()
    world.ledger.ledger = SIGNED
    for reference in references:
        world.pay("A", 4_321, reference)
        world.pay("A", 4_321, reference, told=False)
    return world


def put_right(world: World, *amounts: int) -> None:
    for amount in amounts:
        world.wait(hours=5)
        world.pay("A", amount, f"COR-{amount}", kind="Adjusted", told=False)


@pytest.mark.parametrize("amounts", [[-4_321], [-4_000, -321], [-4_000, -300, -21]])
def test_a_double_that_was_taken_back_while_the_statement_ran_is_owed_by_nobody(
    amounts: list[int], tmp_path: Path
) -> None:
    world = doubled("X-1")
    put_right(world, *amounts)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert (diagnosis.unhealthy, diagnosis.unexplained) == ([], [])
    finding = only_fault(diagnosis, "retry_duplicate")
    assert (finding.amount, finding.certainty, finding.healthy) == (0, "likely", True)


def test_one_adjustment_puts_one_of_three_doubles_right(tmp_path: Path) -> None:
    world = doubled("X-1", "X-2", "X-3")
    put_right(world, -4_321)
    later(world)
    found = [each for each in judged(world, tmp_path).findings if each.fault == "retry_duplicate"]
    assert sorted((each.amount, each.healthy) for each in found) == [(-2 * 4_321, False), (0, True)]


def test_what_was_adjusted_before_a_double_did_not_put_it_right(tmp_path: Path) -> None:
    world = doubled()
    put_right(world, -4_321)
    world.wait(days=1)
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    later(world)
    finding = only_fault(judged(world, tmp_path), "retry_duplicate")
    assert (finding.amount, finding.healthy) == (-4_321, False)


@pytest.mark.parametrize("whole", [True, False])
def test_what_one_statement_alone_shows_to_be_taken_back_moves_no_money(whole: bool, tmp_path: Path) -> None:
    """The first statement ends before the adjustment; the next, or one of all days, tells of neither."""
    world = doubled("X-1")
    later(world)
    first = world.printed()
    world.pay("A", 100, "PAY")
    put_right(world, -4_321)
    later(world)
    world.files["1.csv"] = first
    world.files["2.csv"] = [line for line in world.printed() if whole or line not in first]
    finding = only_fault(judged(world, tmp_path), "retry_duplicate")
    assert (finding.amount, finding.certainty, finding.healthy) == (-4_321, "likely", False)
    assert "position 10 moved this account the other way since, and no line tells of that" in finding.proof


def test_a_payment_that_the_statement_books_made_up_for_nothing(tmp_path: Path) -> None:
    world = doubled("X-1")
    world.wait(days=1)
    world.pay("A", -4_321, "OUT")
    later(world)
    assert only_fault(judged(world, tmp_path), "retry_duplicate").certainty == "proven"


def test_what_says_that_it_repairs_another_event_made_up_for_nothing_else(tmp_path: Path) -> None:
    world = doubled("X-1")
    other = world.pay("A", 4_321, "Y-1")
    later(world)
    world.pay("A", -4_321, "COR", told=False, metadata=json.dumps({"compensates": other}))
    assert only_fault(judged(world, tmp_path), "retry_duplicate").certainty == "proven"


def test_a_later_hold_that_was_given_back_made_up_for_no_earlier_one(tmp_path: Path) -> None:
    world = a_bank()
    world.hold("A", 4_723, "X-1")
    later(world)
    world.cancel(world.hold("A", 4_723, "X-2"))
    finding = only_fault(judged(world, tmp_path), "unresolved_pending")
    assert (finding.amount, finding.certainty) == (4_723, "proven")


def test_one_of_two_holds_that_may_have_been_given_back_leaves_both_unproven(tmp_path: Path) -> None:
    world = a_bank()
    for number in (1, 2):
        world.hold("A", 4_723, f"X-{number}")
    later(world)
    world.pay("A", 4_723, "COR", told=False)
    finding = only_fault(judged(world, tmp_path), "unresolved_pending")
    assert (finding.amount, finding.certainty) == (2 * 4_723, "likely")


def test_an_event_that_no_line_tells_may_be_what_a_line_without_event_tells(tmp_path: Path) -> None:
    """Booked late by hand, under a name of its own: to append it as missing would book it twice."""
    world = a_bank()
    world.book("A", 8_800, "Q-1")
    world.wait(days=3)
    world.pay("A", 8_800, "LATE-Q1", told=False)
    later(world)
    finding = only_fault(judged(world, tmp_path), "never_appended")
    assert finding.certainty == "possible"
    assert "of which no line tells, posts that amount" in finding.proof


def test_a_line_in_another_currency_than_its_event_is_possibly_that_and_both_say_so(tmp_path: Path) -> None:
    world = a_bank()
    paid = int(world.pay("A", 5_001, "GIFT", told=False)[1:])
    world.book("A", 5_001, "GIFT", currency="EUR")
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding], [rest] = diagnosis.findings, diagnosis.unexplained
    assert (finding.fault, finding.currency, finding.amount) == ("never_appended", "EUR", 5_001)
    assert finding.certainty == "possible"
    assert f"the event at position {paid}, of A in USD, has that amount and no line" in finding.proof
    assert "which of the two currencies is right" in finding.remedy
    assert (rest.currency, rest.amount, rest.at_position) == ("USD", -5_001, paid)
    assert "the line GIFT of A in EUR has that amount and no event" in rest.words


def only_fault(diagnosis: Diagnosis, fault: str) -> Finding:
    [finding] = [each for each in diagnosis.findings if each.fault == fault]
    return finding


# Holds


def test_an_unanswered_hold_is_proven_by_a_whole_log_and_a_statement_that_never_booked_it(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 4_723, "X-1")
    later(world)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("unresolved_pending", 4_723, "proven")
    assert finding.event_ids == [hold.event_id]


@pytest.mark.parametrize(
    ("beside", "certainty"), [([4_723], "possible"), ([4_000, 723], "possible"), ([4_722], "proven")]
)
def test_a_hold_that_may_stand_on_a_lost_page_is_not_given_back(
    beside: list[int], certainty: str, tmp_path: Path
) -> None:
    """A page that moved no balance is missing without a trace: what stood on it may have been booked."""
    world = a_bank()
    hold = world.hold("A", 4_723, "X-1")
    for number, amount in enumerate(beside):
        world.pay("A", amount, f"IN-{number}", told=False)
    later(world)
    diagnosis = judged(world, tmp_path)
    [finding] = [each for each in diagnosis.findings if each.fault == "unresolved_pending"]
    assert (finding.amount, finding.event_ids, finding.certainty) == (4_723, [hold.event_id], certainty)
    pairs = [each.fault for each in diagnosis.findings if each.alternative_to == "unresolved_pending"]
    assert pairs == (["statement_incomplete"] if certainty == "possible" else [])


def test_a_later_statement_says_nothing_of_the_days_between(tmp_path: Path) -> None:
    """The first ends two days after the hold, the next begins weeks later: in between it may have been booked."""
    world = a_bank()
    world.hold("A", 4_723, "X-1")
    later(world, days=2)
    early = world.printed()
    later(world, days=30)
    later(world, days=30)
    world.files["1.csv"] = early
    world.files["2.csv"] = [line for line in world.printed() if line.at > early[-1].at + timedelta(days=5)]
    found = [each for each in judged(world, tmp_path).findings if each.fault == "unresolved_pending"]
    assert [each.certainty for each in found] == ["likely"]


def test_what_was_recorded_eleven_days_earlier_stood_on_another_page(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_723, "IN", told=False)
    later(world)
    hold = world.hold("A", 4_723, "X-1")
    later(world)
    [finding] = [each for each in judged(world, tmp_path).findings if each.fault == "unresolved_pending"]
    assert (finding.amount, finding.event_ids, finding.certainty) == (4_723, [hold.event_id], "proven")


@pytest.mark.parametrize(("days", "certainty"), [(1.5, "likely"), (9, "likely"), (11, "proven")])
def test_a_hold_that_the_bank_may_book_yet_is_not_given_back(days: float, certainty: str, tmp_path: Path) -> None:
    """A bank may take ten days, and they begin when the hold lapses."""
    world = a_bank()
    hold = world.hold("A", 4_723, "X-1")
    later(world, days=days)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("unresolved_pending", 4_723, certainty)
    assert finding.event_ids == [hold.event_id]


@pytest.mark.parametrize(("beside", "certainty"), [(-4_321, "likely"), (-4_320, "proven")])
def test_a_double_that_may_stand_on_a_lost_page_is_not_proven(beside: int, certainty: str, tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    world.pay("A", 4_321, "X-1", told=False)
    world.pay("A", beside, "OUT", told=False)
    later(world)
    [finding] = [each for each in judged(world, tmp_path).findings if each.fault == "retry_duplicate"]
    assert (finding.amount, finding.certainty) == (-4_321, certainty)


def test_a_line_under_the_reference_of_another_payment_books_no_hold(tmp_path: Path) -> None:
    """The reference is shared: it takes the amount too."""
    world = a_bank()
    world.pay("A", -1_000, "X-1")
    world.hold("A", 4_723, "X-1")
    later(world)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("unresolved_pending", 4_723, "proven")


def test_of_two_holds_that_ask_for_different_repairs_neither_is_repaired_unasked(tmp_path: Path) -> None:
    """One was booked and lacks its settlement, the other never was: cancelling both would give money away."""
    world = a_bank()
    left = world.hold("A", 700, "X-1")
    world.book("A", -700, "X-1")
    kept = world.hold("A", 4_723, "X-2")
    later(world)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("unresolved_pending", 4_723, "likely")
    assert finding.event_ids == [left.event_id, kept.event_id]


@pytest.mark.parametrize("fault", ["half_transfer", "settled_otherwise"])
def test_what_can_be_mended_in_two_ways_is_mended_by_hand(fault: str) -> None:
    """To take back what was sent, where the other bank has received it, would move the money a second time."""
    assert FAULTS[fault].repair == "none"


def test_a_hold_whose_answer_was_deleted_is_not_said_to_wait_for_one(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 4_723, "X-1")
    world.settle(hold)
    later(world)
    [place] = [index for index, event in enumerate(world.ledger.events) if event["type"] == "Settled"]
    gone = world.ledger.events.pop(place)
    world.ledger.postings = [each for each in world.ledger.postings if each["event_id"] != gone["event_id"]]
    diagnosis = judged(world, tmp_path)
    assert [(each.fault, each.certainty) for each in diagnosis.findings] == [("event_deleted", "proven")]


def test_a_young_hold_that_the_bank_has_booked_already_waits_for_its_message(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 4_723, "X-1")
    world.book("A", -4_723, "X-1", hold.event_id)
    diagnosis = judged(world, tmp_path)
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


def test_a_second_settlement_answers_no_request_that_is_yet_to_come(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 5_000, "X-1", "W")
    world.settle(hold)
    world.record("A", 0, "Settled", id="W", amount=5_000)
    again = world.hold("A", 700, "X-2", "W")
    later(world)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.event_ids) == ("unresolved_pending", 700, [again.event_id])


def test_a_hold_settled_and_booked_twice_is_in_the_log_and_stays_unexplained(tmp_path: Path) -> None:
    world = a_bank()
    hold = world.hold("A", 5_000, "X-1")
    for _ in range(2):
        world.settle(hold)
    later(world)
    diagnosis = judged(world, tmp_path)
    assert diagnosis.findings == []
    assert [(each.account, each.amount) for each in diagnosis.unexplained] == [("A", -5_000)]


@pytest.mark.parametrize(("booked", "said"), [(6_000, ["proven"]), (5_000, []), (None, ["likely"])])
def test_a_hold_settled_for_another_amount_is_judged_by_what_the_statement_books(
    booked: int | None, said: list[str], tmp_path: Path
) -> None:
    world = a_bank()
    hold = world.hold("A", 5_000, "X-1")
    world.settle(hold, 6_000, told=False)
    if booked is not None:
        world.book("A", -booked, "X-1")
        later(world)
    diagnosis = judged(world, tmp_path, covers=booked is not None)
    assert [each.certainty for each in diagnosis.findings] == said
    assert all((each.fault, each.amount) == ("settled_otherwise", -1_000) for each in diagnosis.findings)
    assert diagnosis.unexplained == []


# Transfers


def test_a_half_transfer_is_proven_by_the_statement_that_books_the_other_half(tmp_path: Path) -> None:
    world = a_bank()
    truth = _half_sent(world, random.Random(1))
    later(world)
    finding = only(judged(world, tmp_path))
    assert Truth(finding.fault, str(finding.account), finding.amount, finding.event_ids) == truth
    assert finding.certainty == "proven"


def test_without_a_statement_a_half_transfer_is_likely_where_all_others_were_recorded_at_once(tmp_path: Path) -> None:
    world = a_bank()
    _half_sent(world, random.Random(1))
    diagnosis = judged(world, tmp_path, covers=False)
    assert (diagnosis.findings[0].fault, diagnosis.findings[0].certainty) == ("half_transfer", "likely")


@pytest.mark.parametrize("covers", [True, False])
@pytest.mark.parametrize("account", ["A", "B"])
def test_what_came_back_or_arrived_under_the_transfers_reference_makes_no_half(
    account: str, covers: bool, tmp_path: Path
) -> None:
    """It bounced, or the receiver's side was recorded as a deposit."""
    world = a_bank()
    world.pay("A", -700, "X-1", kind="Sent", id="t", to="B")
    world.pay(account, 700, "X-1")
    later(world)
    diagnosis = judged(world, tmp_path, covers=covers)
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


@pytest.mark.parametrize("account", ["A", "B"])
def test_what_may_have_come_back_under_another_reference_makes_a_half_possible_at_most(
    account: str, tmp_path: Path
) -> None:
    world = a_bank()
    sent = world.pay("A", -700, "X-1", kind="Sent", id="t", to="B")
    world.pay(account, 700, "RETURN")
    later(world)
    found = [each for each in judged(world, tmp_path).findings if each.alternative_to is None]
    assert [(each.fault, each.event_ids, each.certainty) for each in found] == [("half_transfer", [sent], "possible")]


def test_one_return_makes_up_for_one_of_two_transfers_alike(tmp_path: Path) -> None:
    world = a_bank()
    for name in ("t", "u"):
        world.pay("A", -700, "X-1", kind="Sent", id=name, to="B")
    world.pay("A", 700, "X-1")
    later(world)
    assert "half_transfer" in {each.fault for each in judged(world, tmp_path).findings}


def test_a_transfer_to_another_bank_has_no_other_half_here(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", -700, "X-1", kind="Sent", id="out", to="ELSEWHERE")
    later(world)
    assert judged(world, tmp_path).findings == []


def test_a_half_that_was_made_good_or_shares_a_correlation_id_with_the_other_is_whole(tmp_path: Path) -> None:
    world = a_bank()
    half = world.pay("A", -700, "X-1", kind="Sent", id="one", to="B", told=False)
    world.pay("A", 700, "X-2", told=False, metadata=json.dumps({"compensates": half}))
    world.pay("A", -800, "X-3", kind="Sent", id="two", to="B", correlation_id="c")
    world.pay("B", 800, "X-3", kind="Received", id="2", correlation_id="c", **{"from": "A"})  # type: ignore[arg-type]
    later(world)
    assert judged(world, tmp_path).findings == []


# Statements against themselves and each other


def test_a_line_that_only_one_of_two_files_has_is_missing_from_the_other(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    later(world)
    world.files["a.csv"] = world.printed()
    world.lines = [line for line in world.lines if line.reference != "X-1"]
    world.files["b.csv"] = world.printed()
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("statement_incomplete", -4_321, "likely")
    assert finding.sources == ["b.csv"]


def test_a_line_printed_twice_contradicts_its_own_balance(tmp_path: Path) -> None:
    world = a_bank()
    world.pay("A", 4_321, "X-1")
    later(world)
    lines = world.printed()
    world.files["s.csv"] = [each for line in lines for each in [line] * (1 + (line.reference == "X-1"))]
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("statement_inconsistent", 4_321, "proven")


def test_an_amount_misprinted_beside_a_right_balance_is_said(tmp_path: Path) -> None:
    world = a_bank()
    paid = world.pay("A", 4_321, "X-1")
    later(world)
    world.files["s.csv"] = [
        line._replace(amount=4_312) if line.reference == "X-1" else line for line in world.printed()
    ]
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.event_ids) == ("statement_inconsistent", -9, [paid])


def test_balances_that_jump_for_good_are_a_lost_line_or_wrong_and_both_are_named(tmp_path: Path) -> None:
    world = a_bank()
    later(world)
    world.files["s.csv"] = [
        line._replace(balance=line.balance + 77) if line.reference == "LAST-A" else line for line in world.printed()
    ]
    diagnosis = judged(world, tmp_path)
    assert told(diagnosis) == [
        ("statement_incomplete", "A", 77, "possible"), ("statement_inconsistent", "A", 77, "possible"),
    ]  # fmt: skip
    assert diagnosis.unexplained == []


def test_what_a_snapshot_counts_was_recorded_once_and_is_not_called_never_appended(tmp_path: Path) -> None:
    world = a_bank()
    world.book("A", 4_321, "X-1")
    later(world)
    world.ledger.claim("A", 99_905 + 4_321, kind="head")
    world.ledger.checkpoints["balances"] = len(world.ledger.events)
    world.ledger.claim("B", 100_105, kind="head")
    diagnosis = judged(world, tmp_path)
    assert "never_appended" not in {each.fault for each in diagnosis.findings if each.certainty != "possible"}


def test_a_statement_that_books_late_covers_less_than_its_last_line(tmp_path: Path) -> None:
    """All lines come two days late: what was recorded since can't be in it yet."""
    world = a_bank()
    later(world)
    late = [line._replace(at=line.at + timedelta(days=2)) for line in world.printed()]
    world.wait(days=1)
    world.pay("A", 4_321, "X-1", told=False)
    world.files["s.csv"] = late
    diagnosis = judged(world, tmp_path)
    assert (diagnosis.findings, diagnosis.unexplained) == ([], [])


@pytest.mark.parametrize(
    ("reference", "certainty", "words"),
    [("H", "proven", "only the settlement is missing"), (" h ", "proven", "only the settlement is missing"),
     ("", "likely", "without a reference"), ("POS-9", "possible", "no event records that one")],
)  # fmt: skip
def test_a_line_of_a_holds_amount_alone_proves_no_payment(
    reference: str, certainty: str, words: str, tmp_path: Path
) -> None:
    """Another purchase of that amount would look the same: the hold's own reference says that it was paid."""
    world = World()
    world.pay("A", 100_000, "SALARY")
    hold = world.hold("A", 4_723, "H")
    world.wait(days=1)
    world.book("A", -4_723, reference, at=world.now)
    later(world)
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.event_ids) == ("unresolved_pending", 0, [hold.event_id])
    assert (finding.certainty, words in finding.proof) == (certainty, True)


def test_a_reference_says_nothing_of_a_payment_where_the_bank_has_its_own_on_every_line(tmp_path: Path) -> None:
    """Then it is as though the line had none: by its amount and its day it may be the payment."""
    world = World()
    world.pay("A", 100_000, "SALARY", told=False)
    world.book("A", 100_000, "B-1")
    world.hold("A", 4_723, "H")
    world.wait(days=1)
    world.book("A", -4_723, "B-2", at=world.now)
    world.wait(days=3)
    world.pay("A", 7_000, "WAGE", told=False)
    world.book("A", 7_000, "B-3")
    finding = only(judged(world, tmp_path))
    assert (finding.fault, finding.amount, finding.certainty) == ("unresolved_pending", 0, "likely")
