"""What somebody with SQL and some knowledge of the log does to it: hashed again, swapped, filed elsewhere."""

from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select, update

from esworkbench.errors import UnusableInput
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.event_store.schema import events
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.by_hand import (
    EditsCashMovement,
    amount_of,
    cash_movement,
    guards_down,
)
from esworkbench.lab.incidents.faults.scene import EDITS_LOG, PlantableFault, Scene, effect, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault


class RehashedHistory(EditsCashMovement):
    """The amount of one event is changed, and every hash of its stream from there on worked out again.

    In some banks the read models are rebuilt from that log, so that only statements, snapshots and the anchors that
    stand know better.
    """

    name = "rehashed_history"

    def __init__(self) -> None:
        self.rebuilds = False

    def before(self, scene: Scene) -> None:
        self.rebuilds = scene.rng.random() < 0.3

    def after(self, scene: Scene) -> list[PlantedFault]:
        victim = cash_movement(scene)
        old = amount_of(victim)
        new = abs(old) + scene.rng.randrange(1_000, 50_000)
        with guards_down(scene) as connection:
            change_amount(connection, victim, new)
            hash_again(connection, victim.recorded.stream_id, from_version=victim.recorded.version)
        if self.rebuilds:
            scene.readers.rebuild_all()
        return planted_per_account(self.name, [(victim, old - (new if old > 0 else -new))])

    def puts_off(self, planted: list[PlantedFault]) -> list[tuple[str, str, str, int]]:
        return [each for each in super().puts_off(planted) if not self.rebuilds or each[0] == "statement"]


def change_amount(connection: Connection, event: Event, new_minor: int) -> None:
    """Write another amount, unsigned, into the payload of an event of today's shape; nothing else."""
    payload = event.recorded.payload.decode("utf-8")
    field = f'"amount_minor":{abs(amount_of(event))}'
    assert payload.count(field) == 1, payload
    connection.execute(
        update(events)
        .where(events.c.event_id == event.recorded.event_id)
        .values(payload=payload.replace(field, f'"amount_minor":{new_minor}'))
    )


def hash_again(connection: Connection, stream_id: str, *, from_version: int = 1) -> None:
    """Work out every hash of a stream from a version on, as the store would have from what stands there now."""
    stream = connection.execute(
        select(events).where(events.c.stream_id == stream_id).order_by(events.c.version)
    ).mappings()
    last = GENESIS
    for row in stream.all():
        if row["version"] >= from_version:
            own = event_hash(
                last, stream_id, row["version"], row["event_id"], row["event_type"], row["schema_version"],
                row["recorded_at"], row["valid_at"], row["payload"].encode(), row["metadata"].encode(),
            )  # fmt: skip
            mine = events.c.event_id == row["event_id"]
            connection.execute(update(events).where(mine).values(prev_hash=last, hash=own))
            last = own
        else:
            last = row["hash"]


class Reordered(PlantableFault):
    """Two neighbours of one stream change places: their versions alone, or all of them but the places themselves."""

    name = "reordered"
    stage = EDITS_LOG
    strikes_any_account = True
    shows_in = ()

    def after(self, scene: Scene) -> list[PlantedFault]:
        pairs = neighbours(scene)
        if not pairs:
            raise UnusableInput(f"account {scene.account} has no two events to be swapped: take another seed")
        first, second = scene.rng.choice(pairs)
        swap = scene.rng.choice([swap_versions, swap_contents])
        with guards_down(scene) as connection:
            swap(connection, first, second)
        ids = [first.recorded.event_id, second.recorded.event_id]
        stand_at = {row.event_id: row.global_position for row in scene.all_events() if row.event_id in ids}
        return [PlantedFault(self.name, scene.account, ids, [stand_at[each] for each in ids], 0, scene.person.currency)]


def neighbours(scene: Scene) -> list[tuple[Event, Event]]:
    """Pairs of the account, late in its life, that move different amounts, of which at most one is about a hold."""
    mine = [event for event in scene.decoded() if event.recorded.stream_id == f"BankAccount-{scene.account}"]
    late = mine[len(mine) * 6 // 10 : len(mine) * 9 // 10]
    return [
        (first, second)
        for first, second in pairwise(late)
        if effect(first) and effect(second) and amount_of(first) != amount_of(second)
        and scene.taken.isdisjoint((first.recorded.event_id, second.recorded.event_id))
        and not (hasattr(first.data, "withdrawal_id") and hasattr(second.data, "withdrawal_id"))
    ]  # fmt: skip


def swap_versions(connection: Connection, first: Event, second: Event) -> None:
    for event, version in ((first, 0), (second, first.recorded.version), (first, second.recorded.version)):
        mine = events.c.event_id == event.recorded.event_id
        connection.execute(update(events).where(mine).values(version=version))


def swap_contents(connection: Connection, first: Event, second: Event) -> None:
    """Position and version stay with the row, everything else goes over to the other one."""
    here = [events.c.event_id == event.recorded.event_id for event in (first, second)]
    rows = [dict(connection.execute(select(events).where(row)).mappings().one()) for row in here]
    places = [{name: row.pop(name) for name in ("global_position", "stream_id", "version")} for row in rows]

    def write(place: dict[str, Any], values: dict[str, Any]) -> None:
        here = events.c.global_position == place["global_position"]
        connection.execute(update(events).where(here).values(values))

    write(places[0], {"event_id": "nobody's"})
    write(places[1], rows[0])
    write(places[0], rows[1])


class EventMisfiled(EditsCashMovement):
    """An event is moved to the end of another customer's stream, as it was written."""

    name = "event_misfiled"

    def after(self, scene: Scene) -> list[PlantedFault]:
        victim = cash_movement(scene)
        others = sorted({
            person.account for person in scene.life.people
            if person.currency == scene.person.currency and person.account != scene.account
            and scene.store.stream_version(f"BankAccount-{person.account}")
        })  # fmt: skip
        if not others:
            raise UnusableInput(
                f"nobody but {scene.account} has an account in {scene.person.currency}: take another seed"
            )
        other = scene.rng.choice(others)
        to = f"BankAccount-{other}"
        with guards_down(scene) as connection:
            last = connection.scalar(select(func.max(events.c.version)).where(events.c.stream_id == to)) or 0
            mine = events.c.event_id == victim.recorded.event_id
            connection.execute(update(events).where(mine).values(stream_id=to, version=last + 1))
        amount = amount_of(victim)
        ids, positions = [victim.recorded.event_id], [victim.recorded.global_position]
        return [
            PlantedFault(self.name, account, ids, positions, off_by, scene.person.currency)
            for account, off_by in sorted([(scene.account, amount), (other, -amount)])
        ]
