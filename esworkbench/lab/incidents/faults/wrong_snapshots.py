"""Snapshots that are wrong though every event is right: a worker that counts one event twice, a wrong migration."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import select

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotStore
from esworkbench.aggregates.snapshots.migrations import StateMigration
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store.schema import events
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault


class FromItsVersionOn(SnapshottingRepository[BankAccount]):
    """Folds on from a snapshot with the event that the snapshot ends with, instead of with the one after it."""

    def _load_from_snapshot(self, aggregate_id: str) -> BankAccount | None:
        for aggregate, _event_hash in self._snapshots.usable(aggregate_id):
            self._fold(aggregate, self._store.read_stream(aggregate.stream_id, after_version=aggregate.version - 1))
            return aggregate
        return None


class BadSnapshot(PlantableFault):
    """A worker takes snapshots at night. Between two of its runs it is deployed, one event off.

    Commands load that snapshot from then on, so every later snapshot of the account is as wrong; no read model is.
    """

    name = "bad_snapshot"
    strikes_any_account = True
    shows_in = ()

    def __init__(self) -> None:
        self.amount = 0
        self.version = 0

    def before(self, scene: Scene) -> None:
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.night(scene))

    def night(self, scene: Scene) -> None:
        """Money comes in before each run: the first ends with an event that posts, the second has something to do."""
        self.money_comes_in(scene, scene.rng.randrange(5_000, 60_000))
        take_snapshot(scene, SnapshottingRepository)
        self.money_comes_in(scene, 1_000)
        while scene.store.stream_version(f"BankAccount-{scene.account}") % scene.life.scale.snapshot_every == 0:
            self.money_comes_in(scene, 1_000)  # or saving it would have taken a good snapshot of this version already
        scene.life.operations.note("core", scene.life.agenda.now)
        wrong = take_snapshot(scene, FromItsVersionOn)
        right = Repository(scene.store, BankAccount, bank_decoder()).load(scene.account)
        self.amount, self.version = wrong.balance_minor - right.balance_minor, wrong.version

    def money_comes_in(self, scene: Scene, amount: int) -> None:
        agenda = scene.life.agenda
        scene.life.deposit(scene.person, amount, f"GIFT-{scene.account}-{agenda.now:%Y%m%d%H%M%S}")
        agenda.wait()

    def after(self, scene: Scene) -> list[PlantedFault]:
        wrong = places_of_snapshots(scene, scene.account, from_version=self.version)
        return [PlantedFault(self.name, scene.account, [], wrong, self.amount, scene.person.currency)]


def take_snapshot(scene: Scene, repository: type[SnapshottingRepository[BankAccount]]) -> BankAccount:
    """A snapshot of the scene's account, which is returned, as that repository loads it."""
    accounts = repository(
        scene.store, BankAccount, bank_decoder(), snapshots=SnapshotStore(scene.engine, clock=scene.store.clock)
    )
    account = accounts.load(scene.account)
    accounts.take_snapshot(account)
    return account


def places_of_snapshots(
    scene: Scene, account: str, *, from_version: int = 0, state_version: int = BankAccount.state_version
) -> list[int]:
    """The positions of the events that the account's snapshots end with, from a version on."""
    query = (
        select(events.c.global_position)
        .join(snapshots, (snapshots.c.stream_id == events.c.stream_id) & (snapshots.c.version == events.c.version))
        .where(
            snapshots.c.stream_id == f"BankAccount-{account}",
            snapshots.c.version >= from_version,
            snapshots.c.state_version == state_version,
        )
        .order_by(events.c.global_position)
    )
    with scene.engine.connect() as connection:
        return list(connection.scalars(query))


def tell_the_credit_line_apart(state: dict[str, Any]) -> dict[str, Any]:
    """What is available is believed to have counted the overdraft in, so it is taken out; it was never in there."""
    limit = state["overdraft_limit_minor"]
    return {**state, "balance_minor": state["balance_minor"] - limit, "credit_line_minor": limit}


class AccountWithCreditLine(BankAccount):
    """The next release of the account: what its state says beside the balance has changed."""

    category: ClassVar[str] = BankAccount.category
    state_version: ClassVar[int] = BankAccount.state_version + 1
    state_migrations: ClassVar[Sequence[StateMigration]] = (
        StateMigration(BankAccount.state_version, tell_the_credit_line_apart),
    )

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.credit_line_minor = 0

    def state(self) -> dict[str, Any]:
        return {**super().state(), "credit_line_minor": self.overdraft_limit_minor}


class StaleSnapshotShape(PlantableFault):
    """On its last evening the bank takes snapshots in the new shape before there is traffic that needs them.

    Accounts that have a snapshot of the old shape are migrated, wrongly where they have an overdraft; the others are
    folded from their first event and are right.
    """

    name = "stale_snapshot_shape"
    shows_in = ()

    def after(self, scene: Scene) -> list[PlantedFault]:
        accounts = SnapshottingRepository(
            scene.store, AccountWithCreditLine, bank_decoder(),
            snapshots=SnapshotStore(scene.engine, clock=scene.store.clock),
        )  # fmt: skip
        scene.life.operations.note("core", scene.life.agenda.now)
        planted = []
        for person in sorted(scene.life.people, key=lambda person: person.account):
            if not accounts.exists(person.account):
                continue
            account = accounts.load(person.account)
            accounts.take_snapshot(account)
            if account.snapshot_version is not None and account.overdraft_limit_minor:
                at = places_of_snapshots(scene, person.account, state_version=AccountWithCreditLine.state_version)
                off_by = -account.overdraft_limit_minor
                planted.append(PlantedFault(self.name, person.account, [], at, off_by, person.currency))
        return planted
