"""The log is rewritten by somebody who holds the key as well, so that every anchor the store has agrees with it."""

import shutil
from pathlib import Path
from random import Random

from sqlalchemy import delete

from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.anchors.files import ANCHORS, KEYS, read_anchors
from esworkbench.event_store.anchors.keys import SigningKey, read_public_keys
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.guards import create_guards, drop_guards
from esworkbench.event_store.schema import anchors
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import Event
from esworkbench.lab.incidents.faults.by_hand import amount_of, cash_movement, guards_down
from esworkbench.lab.incidents.faults.rewritten_log import change_amount, hash_again
from esworkbench.lab.incidents.faults.scene import CUTS_LOG, PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.anchoring import Anchoring

AUDITOR = "auditor"
"""In the outside folder, where no capture looks: what the auditor was given, before the log was rewritten."""


class SplitView(PlantableFault):
    """The bank anchors its log once more, and an auditor is given that anchor, and nothing else.

    Then an event is changed, its stream hashed again, every read model rebuilt, the snapshots since dropped, and an
    anchor signed anew for each that there was, at its position and with its time. Only the auditor's anchor, and the
    statement, tell of another log.
    """

    name = "split_view"
    stage = CUTS_LOG
    shows_in = ("statement",)

    def after(self, scene: Scene) -> list[PlantedFault]:
        outside = outside_folder(scene.url)
        anchoring = Anchoring(scene.store, outside, Random(f"{scene.life.seed}/anchors"))
        anchoring.take()
        handed_over = read_anchors(outside / ANCHORS)[-1]
        (outside / AUDITOR).mkdir()
        shutil.copyfile(handed_over.path, outside / AUDITOR / handed_over.path.name)
        victim = cash_movement(scene)
        old = amount_of(victim)
        new = abs(old) + scene.rng.randrange(1_000, 50_000)
        rewrite(scene, victim, new)
        anchor_again(scene, anchoring.key)
        return planted_per_account(self.name, [(victim, old - (new if old > 0 else -new))])


def rewrite(scene: Scene, victim: Event, new_minor: int) -> None:
    """Change the event's amount, and all in the store that would tell of it."""
    recorded = victim.recorded
    with guards_down(scene) as connection:
        change_amount(connection, victim, new_minor)
        hash_again(connection, recorded.stream_id, from_version=recorded.version)
        since = (snapshots.c.stream_id == recorded.stream_id) & (snapshots.c.version >= recorded.version)
        connection.execute(delete(snapshots).where(since))
    scene.readers.rebuild_all()


class AsOf(EventStore):
    """The store, to whoever anchors it, as if it had ended at a position."""

    position = 0

    def settled_head(self) -> int:
        return self.position


def anchor_again(scene: Scene, key: SigningKey) -> None:
    """Sign an anchor for each that there is, and leave none of those outside, nor of the store's own copies."""
    outside = outside_folder(scene.url)
    of_then = read_anchors(outside / ANCHORS, read_public_keys(outside / KEYS))
    _forget(scene, outside / ANCHORS)
    for each in of_then:
        store = AsOf(scene.engine, clock=scene.store.clock)
        store.position = each.anchor.position
        take_anchor(store, outside, key, clock=each.anchor.moment)


def _forget(scene: Scene, folder: Path) -> None:
    shutil.rmtree(folder)
    with write_transaction(scene.engine) as connection:
        drop_guards(connection, [anchors.name])
        connection.execute(delete(anchors))
        create_guards(connection, [anchors.name])
