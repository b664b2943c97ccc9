"""A client without an idempotency key that gets no reply, and asks again."""

from collections.abc import Callable
from datetime import timedelta

from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.domains.bank import Deposit, MoneyDeposited, MoneyWithdrawn, Withdraw
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.agenda import Agenda

PATIENCE = timedelta(seconds=20)


class ReplyLost(Exception):
    """The bank has done it, and whoever asked never hears of that."""


class ClientWithoutKey:
    """Sends a command until there is a reply. ``handle`` is the way to the bank and back."""

    def __init__(self, handle: Callable[[Command], CommandReply], agenda: Agenda) -> None:
        self._handle = handle
        self._agenda = agenda

    def send(self, command: Command) -> CommandReply:
        while True:
            try:
                return self._handle(command)
            except ReplyLost:
                self._agenda.wait(PATIENCE)


class RetryDuplicate(PlantableFault):
    """One payment order, carried out twice by the bank; the clearing house knows one order, and books it once."""

    name = "retry_duplicate"
    strikes_any_account = True
    shows_in = ("statement",)

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.order(scene))

    def order(self, scene: Scene) -> None:
        life, currency = scene.life, scene.person.currency
        self.reference = f"ORDER-{scene.account}-{life.agenda.now:%Y%m%d}"
        amount = scene.rng.randrange(1_500, 40_000)
        kind, sign = (Withdraw, -1) if scene.rng.randrange(2) else (Deposit, 1)
        if kind is Withdraw:
            scene.funds(2 * amount)
        command = kind(account_id=scene.account, amount_minor=amount, currency=currency, reference=self.reference)
        losses = iter([True, False])

        def over_a_bad_line(command: Command) -> CommandReply:
            reply = life.bank.handle(command, actor="payment-app")
            if next(losses):
                raise ReplyLost
            return reply

        ClientWithoutKey(over_a_bad_line, life.agenda).send(command)
        life.books.book(scene.account, currency, sign * amount, self.reference, life.agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        first, second = scene.events_of((MoneyDeposited, MoneyWithdrawn), self.reference)
        scene.taken.add(first.recorded.event_id)
        posting = effect(second)
        assert posting is not None
        return planted_per_account(self.name, [(second, -posting.amount_minor)])
