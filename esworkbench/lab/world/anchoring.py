"""A bank that anchors its log whenever its read models are run, signed with a key of the lab's.

The key is drawn from the seed, so that one seed gives the same anchors: whoever knows the seed can sign with it. Its
private half is kept nowhere; the public half lies in the outside folder, beside the anchors.
"""

from pathlib import Path
from random import Random

from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import SigningKey
from esworkbench.event_store.anchors.write import take_anchor


class Anchoring:
    def __init__(self, store: EventStore, outside: Path, rng: Random) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._store = store
        self._outside = outside
        self.key = SigningKey(Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)))

    def take(self) -> None:
        """Anchor the log as it is now; what is new since the last anchor is all that is read."""
        take_anchor(self._store, self._outside, self.key, clock=self._store.clock, only_new=True)
