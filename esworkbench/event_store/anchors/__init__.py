"""Anchors: what a log held up to a position, signed and kept outside it, so that nobody rewrites it unseen.

- `tree`: the Merkle tree over a log; its root, proofs of inclusion and of consistency
- `anchor`: the signed record of a root, and what can be wrong with it
- `keys`: the key that signs, and the public half that everybody may have
- `files`: how anchors and their leaves lie in a folder
"""
