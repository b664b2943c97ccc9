"""A customer asked to be forgotten, and was: the name in the log can be read by nobody. Nothing is wrong."""

from collections.abc import Callable
from datetime import datetime
from random import Random

from sqlalchemy import Engine

from esworkbench.domains.bank import Bank
from esworkbench.event_store import write_transaction
from esworkbench.event_store.database import sqlite_url
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.personal_data.envelope import KEY_BYTES, envelope_in
from esworkbench.personal_data.keys import KeyRecord, PersonalKeys, write_records
from esworkbench.personal_data.tables import personal_key_bytes, personal_keys

KEYS = "personal_keys.db"
"""In the outside folder, so that the keys of one incident are never another's."""


class DrawnKeys(PersonalKeys):
    """Keys drawn from the seed: whoever knows it can make them anew, so these protect nobody."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime], rng: Random) -> None:
        super().__init__(engine, clock=clock)
        self._draws_from = rng

    def _made(self, subject: str) -> tuple[KeyRecord, bytes | None]:
        key = self._draws_from.randbytes(KEY_BYTES)
        record = KeyRecord(self._draws_from.randbytes(16).hex(), subject, self._clock(), None)
        with write_transaction(self.engine) as connection:
            connection.execute(personal_keys.insert(), [record._asdict()])
            connection.execute(personal_key_bytes.insert(), [{"key_id": record.key_id, "key": key}])
        return record, key


class ShreddedPayload(PlantableFault):
    """The bank seals every owner's name from its first day; late in its life it destroys the key of one.

    Told is the event that holds it, and no account, as no claim on any is touched.
    """

    name = "shredded_payload"
    shows_in = ()

    def before(self, scene: Scene) -> None:
        outside = outside_folder(scene.url)
        outside.mkdir(parents=True, exist_ok=True)
        kept = PersonalKeys.open(scene.url, sqlite_url(outside / KEYS), clock=scene.store.clock)
        self.keys = DrawnKeys(kept.engine, clock=scene.store.clock, rng=scene.rng)
        scene.life.bank = Bank(scene.store, snapshot_every=scene.life.scale.snapshot_every, personal_keys=self.keys)
        scene.life.agenda.at(scene.quiet_moment(0.7), lambda: self.forget(scene))

    def forget(self, scene: Scene) -> None:
        self.keys.destroy(scene.account)

    def after(self, scene: Scene) -> list[PlantedFault]:
        write_records(scene.url, self.keys.records())
        gone = {record.key_id for record in self.keys.records() if record.destroyed_at is not None}
        self.keys.engine.dispose()
        sealed = [event.recorded for event in scene.decoded() if key_of(getattr(event.data, "owner", "")) in gone]
        ids, positions = [each.event_id for each in sealed], [each.global_position for each in sealed]
        return [PlantedFault(self.name, None, ids, positions, 0, None)]


def key_of(text: str) -> str | None:
    envelope = envelope_in(text)
    return None if envelope is None else envelope.key_id
