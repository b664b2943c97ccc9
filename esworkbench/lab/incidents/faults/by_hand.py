"""What somebody with a database client and too many rights can do. The cause is SQL, so SQL is what runs here."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, update

from esworkbench.domains.bank import MoneyDeposited, MoneyWithdrawn
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.event_store.guards import create_guards, drop_guards
from esworkbench.event_store.schema import events
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.scene import (
    CUTS_LOG,
    EDITS_LOG,
    PlantableFault,
    Scene,
    effect,
    planted_per_account,
)
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.people import Person

EVERYWHERE = ("account_balances", "transaction_history", "statement")


class ManualEdit(PlantableFault):
    """A clerk "corrects" a balance in the read model. Life goes on, and the difference stays."""

    name = "manual_edit"
    strikes_any_account = True
    shows_in = ("account_balances",)

    def before(self, scene: Scene) -> None:
        self.amount = scene.rng.choice([-1, 1]) * scene.rng.randrange(1_000, 30_000)
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.edit(scene))

    def edit(self, scene: Scene) -> None:
        scene.readers.run(account_balances.name)
        scene.life.operations.note("session", scene.life.agenda.now)
        row = account_balances.c.account_id == scene.account
        with write_transaction(scene.engine) as connection:
            connection.execute(
                update(account_balances).where(row).values(balance_minor=account_balances.c.balance_minor + self.amount)
            )

    def after(self, scene: Scene) -> list[PlantedFault]:
        return [PlantedFault(self.name, scene.account, [], [], self.amount, scene.person.currency)]


class EditsCashMovement(PlantableFault):
    """Base of what is done to one deposit or withdrawal in the log: whoever lives without cash is spared."""

    stage = EDITS_LOG
    strikes_any_account = True
    shows_in = EVERYWHERE

    @classmethod
    def may_strike(cls, person: Person) -> bool:
        return person.cash_per_cent > 0


class EventDeleted(EditsCashMovement):
    name = "event_deleted"

    def after(self, scene: Scene) -> list[PlantedFault]:
        victim = cash_movement(scene)
        with guards_down(scene) as connection:
            connection.execute(delete(events).where(events.c.event_id == victim.recorded.event_id))
        return planted_per_account(self.name, [(victim, amount_of(victim))])


class PayloadEdited(EditsCashMovement):
    """The amount of one event is changed in place; its hash and its neighbours are left alone."""

    name = "payload_edited"

    def after(self, scene: Scene) -> list[PlantedFault]:
        victim = cash_movement(scene)
        old = amount_of(victim)
        new_amount = abs(old) + scene.rng.randrange(1_000, 50_000)
        payload = victim.recorded.payload.decode("utf-8")
        field = f'"amount_minor":{abs(old)}'
        assert payload.count(field) == 1, payload
        with guards_down(scene) as connection:
            connection.execute(
                update(events)
                .where(events.c.event_id == victim.recorded.event_id)
                .values(payload=payload.replace(field, f'"amount_minor":{new_amount}'))
            )
        new = new_amount if old > 0 else -new_amount
        return planted_per_account(self.name, [(victim, old - new)])


class TailTruncated(PlantableFault):
    """The log's last events are gone without a hole: all that remains agrees with itself."""

    name = "tail_truncated"
    stage = CUTS_LOG
    shows_in = EVERYWHERE

    def after(self, scene: Scene) -> list[PlantedFault]:
        tail = scene.decoded()[-scene.rng.randint(1, 3) :]
        while tail and any(event.recorded.event_id in scene.taken for event in tail):
            tail.pop(0)
        if not tail:
            raise UnusableInput(
                "the log's last event is another fault's, so its end can't be cut off: leave out one of the two, or "
                "take another seed"
            )
        with guards_down(scene) as connection:
            connection.execute(delete(events).where(events.c.global_position >= tail[0].recorded.global_position))
        return planted_per_account(self.name, [(event, amount_of(event)) for event in tail])


@contextmanager
def guards_down(scene: Scene) -> Iterator[Connection]:
    """One transaction in which the append-only triggers are dropped, and put back at its end."""
    with write_transaction(scene.engine) as connection:
        drop_guards(connection)
        yield connection
        create_guards(connection)


def cash_movement(scene: Scene) -> Event:
    """Some cash paid in or out by the account's owner, late in its life, that no other event refers to.

    On an account without any the whole of its life will do. Raises UnusableInput where other faults took it all.
    """
    log = scene.decoded()
    for part in (log[len(log) * 6 // 10 : len(log) * 9 // 10], log[: len(log) * 9 // 10]):
        free = [
            event
            for event in part
            if event.recorded.stream_id == f"BankAccount-{scene.account}"
            and isinstance(event.data, MoneyDeposited | MoneyWithdrawn)
            and event.data.schema_version == event.recorded.schema_version
            and event.data.reference.startswith(("CASH", "ATM"))
            and event.recorded.event_id not in scene.taken
        ]
        if free:
            return scene.rng.choice(free)
    raise UnusableInput(
        f"account {scene.account} has no cash movement that is free for another fault: take another seed"
    )


def amount_of(event: Event) -> int:
    posting = effect(event)
    return 0 if posting is None else posting.amount_minor
