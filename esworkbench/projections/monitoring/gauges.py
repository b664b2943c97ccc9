"""Lag as others' dashboards read it: two OpenTelemetry gauges, measured whenever a reader collects.

Only the API is used. Without an SDK in the process nothing is collected and nothing is measured.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from esworkbench.event_store import EventStore
from esworkbench.projections.monitoring.measure import Lag, followers, lag

LAG = "esworkbench.projection.lag"
LAG_POSITIONS = "esworkbench.projection.lag_positions"


def register_lag_gauges(
    store: EventStore, *, meter: Meter | None = None, clock: Callable[[], datetime] | None = None
) -> None:
    """Two gauges with the attribute ``projection``, one value for each that keeps a checkpoint: LAG in seconds, and
    LAG_POSITIONS.

    To be called once in a process; with the server's clock (``server_clock``) where writers run on other machines. What
    a measurement raises, a database that is away for instance, is the reader's to log: the SDK leaves that value out,
    and the gap in the curve is the truth.
    """
    meter = meter or get_meter("esworkbench")

    def observe(value_of: Callable[[Lag], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def callback(_options: CallbackOptions) -> Iterable[Observation]:
            for name in followers(store):
                yield Observation(value_of(lag(store, name, clock=clock)), {"projection": name})

        return callback

    meter.create_observable_gauge(
        LAG,
        [observe(lambda measured: measured.seconds)],
        unit="s",
        description="Age of the oldest event that the projection has not seen",
    )
    meter.create_observable_gauge(
        LAG_POSITIONS,
        [observe(lambda measured: measured.positions)],
        unit="{position}",
        description="Positions between the projection's checkpoint and the head of the log",
    )
