"""The rule of notebook 07's exercise and what the package's ``wait_for`` says of the same rows are one rule."""

import pytest
from read_side import BothSides, deposit

from esworkbench.course.nb07_cqrs_and_read_your_writes import fresh
from esworkbench.cqrs.commands import CommandReply
from esworkbench.domains.bank import CloseAccount, Withdraw, bank_decoder
from esworkbench.domains.bank.queries import BalanceOfAccount
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.events import Event
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.dead_letters import parked
from esworkbench.projections.parked import replay_parked

BALANCE = BalanceOfAccount(account_id="pm", currency="USD")


class Stumbles(AccountBalances):
    def handle(self, event: Event, connection: object) -> None:
        if getattr(event.data, "amount_minor", 0) > 900_00:
            raise ValueError("more than the new form has digits for")
        super().handle(event, connection)  # type: ignore[arg-type]


def run(sides: BothSides, projection: AccountBalances, *, up_to: int | None = None) -> ProjectionRunner:
    runner = ProjectionRunner(sides.store, projection, bank_decoder(), run_id="release")
    runner.catch_up(up_to=up_to)
    return runner


def said(sides: BothSides, reply: CommandReply) -> tuple[bool, bool]:
    """By the exercise's rule on a plain answer, and by the package."""
    with sides.store.engine.connect() as connection:
        aside = {letter["position"] for letter in parked(connection, AccountBalances.name)}
    looked = sides.queries.wait_for(BALANCE, version=reply.version, position=reply.position, at_most_seconds=0)
    return fresh(sides.queries.ask(BALANCE), reply, aside), not looked.stale


def test_a_parked_deposit_is_not_in_the_row_though_version_and_position_are_reached(sides: BothSides) -> None:
    big, small = sides.bank.handle(deposit("pm", 950_00)), sides.bank.handle(deposit("pm", 1_00))
    run(sides, Stumbles())
    answer = sides.queries.ask(BALANCE)
    assert (answer.version, answer.lag.positions, answer.parked) == (small.version, 0, False)
    assert answer.value is not None
    assert small.state["balance_minor"] - answer.value.balance_minor == 950_00
    assert (said(sides, big), said(sides, small)) == ((False, False), (True, True))
    assert replay_parked(run(sides, AccountBalances())) == 1
    assert said(sides, big) == (True, True)


@pytest.mark.parametrize("followed", range(5))
def test_the_exercise_and_the_package_say_the_same_wherever_the_read_model_stands(
    sides: BothSides, followed: int
) -> None:
    before = sides.store.head_position()
    replies = [sides.bank.handle(deposit("pm", amount)) for amount in (5_00, 950_00, 7_00)]
    replies.append(sides.bank.handle(Withdraw(account_id="pm", amount_minor=1, currency="USD", reference="atm")))
    run(sides, Stumbles(), up_to=before + followed)
    both = [said(sides, reply) for reply in replies]
    assert [ours for ours, _ in both] == [theirs for _, theirs in both]
    assert [ours for ours, _ in both] == [number <= followed and number != 2 for number in range(1, 5)]


def test_an_event_without_a_row_is_there_once_its_position_is_reached(sides: BothSides) -> None:
    sides.bank.handle(Withdraw(account_id="pm", amount_minor=100_00, currency="USD", reference="all of it"))
    closed = sides.bank.handle(CloseAccount(account_id="pm", reason="moved"))
    run(sides, AccountBalances(), up_to=closed.position - 1)
    assert said(sides, closed) == (False, False)
    run(sides, AccountBalances())
    assert said(sides, closed) == (True, True)
    assert sides.queries.ask(BALANCE).version == closed.version - 1
