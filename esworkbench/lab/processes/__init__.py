"""Child processes that stop at a named point, to be held, killed or let go on. No clock is involved.

``held_runner``: feeds the bank's read models, and stands still when told to.
``killed_script``: runs a notebook's script up to a point.
``killed_snapshotter``: a snapshotter killed halfway through its batch.
``slow_writer``: a writer whose transaction stays open until it is let go on.
"""
