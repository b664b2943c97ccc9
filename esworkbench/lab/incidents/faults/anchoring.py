"""A bank that anchors its log now and then, with a key that the seed draws; a real one is drawn by nobody else."""

from esworkbench.event_store.anchors.files import KeptAnchor
from esworkbench.event_store.anchors.keys import SigningKey
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.lab.incidents.faults.scene import Scene


def anchored_now_and_then(scene: Scene) -> SigningKey:
    """Put a few anchors into the agenda, the last a week before the bank's life ends. Returns the key that signs."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = SigningKey(Ed25519PrivateKey.from_private_bytes(scene.rng.randbytes(32)))

    def take() -> None:
        anchor(scene, key)

    for part in (0.4, 0.8, 1.0):
        scene.life.agenda.at(scene.quiet_moment(part), take)
    return key


def anchor(scene: Scene, key: SigningKey) -> KeptAnchor:
    """An anchor of the log as it is now, in the bank's outside folder."""
    taken = take_anchor(scene.store, outside_folder(scene.url), key, clock=scene.store.clock).taken
    assert taken is not None
    return taken
