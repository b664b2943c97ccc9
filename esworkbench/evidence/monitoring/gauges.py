"""The monitor's latest results as others' dashboards read them: three OpenTelemetry gauges, by check.

Only the API is used. Without an SDK in the process nothing is collected.
"""

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from esworkbench.evidence.monitoring.checks import Round

FOUND = "esworkbench.monitor.found"
UNCHECKED = "esworkbench.monitor.unchecked"
RUN_AT = "esworkbench.monitor.run_at"


def register_monitor_gauges(latest: Callable[[], Round | None], *, meter: Meter | None = None) -> None:
    """FOUND counts what each check found, UNCHECKED is 1 for one that couldn't be made, both with the attribute
    ``check``; RUN_AT is when the round was, in seconds since 1970, so that a monitor that died shows.

    To be called once in a process; ``latest`` gives the round to be told of, None before the first.
    """
    meter = meter or get_meter("esworkbench")

    def found(_options: CallbackOptions) -> Iterable[Observation]:
        for check in getattr(latest(), "checks", ()):
            yield Observation(check.total if check.state == "found" else 0, {"check": check.name})

    def unchecked(_options: CallbackOptions) -> Iterable[Observation]:
        for check in getattr(latest(), "checks", ()):
            yield Observation(int(check.state == "not_checked"), {"check": check.name})

    def run_at(_options: CallbackOptions) -> Iterable[Observation]:
        told = latest()
        if told is not None:
            yield Observation(told.at.timestamp())

    meter.create_observable_gauge(FOUND, [found], unit="{finding}", description="What the check found")
    meter.create_observable_gauge(UNCHECKED, [unchecked], unit="1", description="Whether the check couldn't be made")
    meter.create_observable_gauge(RUN_AT, [run_at], unit="s", description="When the checks were last run")
