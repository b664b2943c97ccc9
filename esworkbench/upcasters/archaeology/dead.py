"""Which upcasters are dead: proved by a query over the whole log, never by a sample.

A step from version N is needed by every event of its type written as N *or earlier*, because an older event passes
through it, and so by the events of a type that is renamed to its own, or split into it, on the way. So a count of
events written as N alone proves nothing, except for the oldest step.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from esworkbench.upcasters.archaeology.telltales import Telltale, quoted
from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.steps import Step


class UpcasterUse(NamedTuple):
    """One step and who needs it.

    ``written`` events are in the shape it starts from, ``passing`` are in that one or one that leads to it,
    ``unrecognised`` are events of these types that fit no telltale and so might need any step. Dead is who has neither
    passing nor unrecognised ones. ``sql`` counts the passing ones, and runs as it stands in ``psql`` or ``sqlite3``.
    """

    event_type: str
    from_version: int
    function: str
    reason: str
    written: int
    passing: int
    unrecognised: int
    sql: str

    @property
    def dead(self) -> bool:
        return self.passing == 0 and self.unrecognised == 0


def dead_upcasters(
    connection: Connection, chain: UpcasterChain, telltales: Iterable[Telltale] = ()
) -> list[UpcasterUse]:
    """Every step of the chain, by event type and version, with its use; ``dead`` says which may be removed.

    For types with telltales events are counted by shape, for all others by recorded version. A compacted log is asked
    without telltales: it notes every version, and one that asks for nothing but the time would find old shapes that
    aren't there. The answer is as of now: while an old release still writes, a dead step may be needed tomorrow.
    """
    given = list(telltales)
    steps = sorted(chain, key=lambda step: (step.event_type, step.from_version))
    return [_use(connection, step, _leading_to(step, chain), given) for step in steps]


def _leading_to(step: Step, chain: UpcasterChain) -> dict[str, int]:
    """The event types whose events may pass through the step, each with the newest version that still does."""
    leading = {step.event_type: step.from_version}
    grows = True
    while grows:
        grows = False
        for other in chain:
            leads = any(leading.get(each.event_type, 0) >= each.schema_version for each in other.targets)
            if leads and leading.get(other.event_type, 0) < other.from_version:
                leading[other.event_type] = other.from_version
                grows = True
    return leading


def _use(connection: Connection, step: Step, leading: dict[str, int], telltales: list[Telltale]) -> UpcasterUse:
    dialect = connection.dialect.name
    own = [each for each in telltales if each.event_type == step.event_type]
    written = f"schema_version = {step.from_version}"
    if own:
        written = _any_of([each for each in own if each.version == step.from_version], dialect)
    passing, unrecognised = [], []
    for event_type, newest in leading.items():
        of_type = [each for each in telltales if each.event_type == event_type]
        earlier, unknown = f"schema_version <= {newest}", "1 = 0"
        if of_type:
            earlier = _any_of([each for each in of_type if each.version <= newest], dialect)
            unknown = f"NOT {_any_of(of_type, dialect)}"
        passing.append(f"event_type = {quoted(event_type)} AND {earlier}")
        unrecognised.append(f"event_type = {quoted(event_type)} AND {unknown}")
    counting = "SELECT count(*) FROM events WHERE "
    return UpcasterUse(
        step.event_type,
        step.from_version,
        step.name,
        step.reason,
        written=_count(connection, f"{counting}event_type = {quoted(step.event_type)} AND {written}"),
        passing=_count(connection, counting + " OR ".join(passing)),
        unrecognised=_count(connection, counting + " OR ".join(unrecognised)),
        sql=counting + " OR ".join(passing),
    )


def _any_of(telltales: list[Telltale], dialect: str) -> str:
    fits_one = " OR ".join(f"({each.condition(dialect)})" for each in telltales)
    return f"({fits_one or '1 = 0'})"


def _count(connection: Connection, sql: str) -> int:
    """The very text a person would run: nothing in it is a parameter, so the driver is to take it as it stands."""
    as_it_stands = connection.execution_options(no_parameters=True)
    return int(as_it_stands.exec_driver_sql(sql).scalar_one())
