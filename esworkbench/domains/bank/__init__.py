"""A small bank that keeps its accounts as events: the worked example of every notebook.

- `events`: the facts
- `commands`: what people ask
- `account`: the rules
- `handlers`: one handler a command
- `bank`: the write side, put together
- `upcasters`: old shapes of deposits
- `compensate`: corrections that name their case
- `personal`: what is said of a person, and may be erased
- `queries`: what is asked of the read models
- `read_models/`: balances, history, holds, days
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
