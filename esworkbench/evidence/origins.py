"""Where an anchor or a public key in evidence comes from, which is what it can prove."""

STORE, OUTSIDE, GIVEN = "store", "outside", "given"
"""The store's own table; the folder beside the store; whoever investigates, who had it from elsewhere."""
