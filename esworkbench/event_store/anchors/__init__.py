"""Anchors: what a log held up to a position, signed and kept outside it, so that nobody rewrites it unseen.

- `tree`: the Merkle tree over a log; its root, proofs of inclusion and of consistency
- `anchor`: the signed record of a root, and what can be wrong with it
- `keys`: the key that signs, and the public half that everybody may have
- `files`: how anchors and their leaves lie in a folder
- `write`: an anchor of a live store, taken after the log was held against those before
- `proof`: proofs that a stranger checks without this package
- `timestamps`: a third party's word for when an anchor was there
- `log_leaves`: the leaves of a live store
- `own_copy`: the store's own table of anchors
"""
