"""The read side: projections, and what feeds, rebuilds and watches them.

- `projection`: what a projection is
- `runner`: events in, rows and checkpoint out, in one transaction
- `projection_runner`: the runner as it is used: parks bad events, refuses other code's tables
- `checkpoints`: how far, and how it got there
- `tables`: the tables that the read side keeps of itself
- `dead_letters`: events that could not be handled
- `parked`: handling them late
- `built_tables`: which shape a read model's tables have
- `synchronous`: a projection inside the append
- `inbox`: a read model fed by messages
- `other_database`: read models in another database
- `set_based`: a projection as one query
- `compare`: two projections, row by row
- `rebuilding/`: building anew beside the old, then a swap
- `monitoring/`: lag
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
