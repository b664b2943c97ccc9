"""How fast the store is: side by side, in one run, with a peer library and with the bare database as the limit."""
