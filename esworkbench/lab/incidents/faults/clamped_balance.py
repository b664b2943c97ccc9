"""A release of the balances' handler that lets no balance go below zero."""

from datetime import timedelta

from esworkbench.domains.bank import Withdraw
from esworkbench.domains.bank.read_models import posting_of
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.broken_readers import ClampedAtZero
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.life import month_start

READ_MODEL = "account_balances"


class ClampedBalance(PlantableFault):
    """In the bank's last minutes the customer empties the account, and goes as far into the overdraft as it takes.

    Whoever else is overdrawn while the release is live is clamped, too, and keeps what that made of the balance.
    """

    name = "clamped_balance"
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.released_at = 0

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.5), lambda: self.release(scene))
        end = month_start(scene.life.scale, scene.life.scale.months)
        below = scene.rng.randrange(1_000, scene.person.overdraft_minor)
        scene.life.agenda.at(end - timedelta(minutes=4), lambda: self.overdraw(scene, below))

    def release(self, scene: Scene) -> None:
        scene.readers.run(READ_MODEL)
        self.released_at = scene.readers.runner(READ_MODEL).checkpoint()
        scene.readers.code[READ_MODEL] = ClampedAtZero
        scene.life.operations.note("release", scene.life.agenda.now)

    def overdraw(self, scene: Scene, below: int) -> None:
        """Withdraw all there is and ``below`` more, where the account isn't overdrawn by as much already."""
        available = scene.life.bank.accounts.load(scene.account).balance_minor
        amount, reference, currency = available + below, f"CAR-{scene.account}", scene.person.currency
        if amount > 0:
            scene.life.bank.handle(
                Withdraw(account_id=scene.account, amount_minor=amount, currency=currency, reference=reference),
                actor="counter",
            )
            scene.life.books.book(scene.account, currency, -amount, reference, scene.life.agenda.now)

    def after(self, scene: Scene) -> list[PlantedFault]:
        shown: dict[tuple[str, str], int] = {}
        cut: list[tuple[Event, int]] = []
        for event in scene.decoded():
            posting = posting_of(event)
            if posting is None:
                continue
            key = posting.account_id, posting.currency
            balance = shown.get(key, 0) + posting.amount_minor
            shown[key] = balance
            if event.recorded.global_position > self.released_at and balance < 0:
                cut.append((event, -balance))
                shown[key] = 0
        return planted_per_account(self.name, cut)
