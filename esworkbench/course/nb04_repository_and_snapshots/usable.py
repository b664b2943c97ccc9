"""The exercise ``usable``: whether today's code can vouch for a snapshot."""

from collections.abc import Mapping

from hypothesis import strategies as st

from esworkbench.aggregates.snapshots import Snapshot
from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "May code that knows the shape `state_version` of the state, and the latest schema version of each event type "
    "in `event_shapes`, use this snapshot? There is no migration, so `snapshot.state_version` must be the same. "
    "`snapshot.event_shapes` says which schema version of each event type was the latest when it was folded: each "
    "type that it names must be known today in the same version, neither an older nor a newer one. Types that it "
    "doesn't name don't matter. It is None in a snapshot that doesn't say: that one may not be used. Nothing else "
    "in the snapshot matters. Return a `bool`."
)


def usable(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    """Whether today's code can vouch for it: the state has today's shape, and so have the events it was folded from."""
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type) == shape for event_type, shape in snapshot.event_shapes.items())


SHAPES = {"AccountOpened": 1, "MoneyDeposited": 3}
EXCHANGED = {"AccountOpened": 3, "MoneyDeposited": 1}


def _snapshot(
    event_shapes: Mapping[str, int] | None,
    *,
    version: int = 3,
    event_hash: str | None = "0" * 64,
    based_on_version: int | None = None,
) -> Snapshot:
    return Snapshot(
        stream_id="BankAccount-a",
        version=version,
        state_version=2,
        state=b"{}",
        event_shapes=event_shapes,
        event_hash=event_hash,
        based_on_version=based_on_version,
    )


@st.composite
def _snapshots_and_code(draw: st.DrawFn) -> tuple[Snapshot, int, dict[str, int]]:
    """The snapshot says what today's code says, but for one thing or two. The rest of it doesn't matter."""
    shapes: dict[str, int] | None = dict(SHAPES)
    today, state_version = dict(SHAPES), 2
    for change in draw(st.lists(st.integers(0, 9), max_size=2)):
        state_version = {0: 1, 1: 3}.get(change, state_version)
        if change == 2:
            shapes = None
        elif change == 3:
            today["PointsGranted"] = 1
        elif change == 4:
            today.pop("AccountOpened", None)
        elif change in (5, 6):
            today["MoneyDeposited"] = {5: 2, 6: 4}[change]
        elif change == 7:
            shapes = {}
        elif change == 8:
            today.clear()
        elif change == 9:
            today.update(EXCHANGED)
    version, based_on_version = draw(st.sampled_from([(3, None), (3, 2), (1, None), (200, 100)]))
    snapshot = _snapshot(
        shapes,
        version=version,
        event_hash=draw(st.sampled_from(["0" * 64, None])),
        based_on_version=based_on_version,
    )
    return snapshot, state_version, today


def _given_usable(snapshot: Snapshot, state_version: int, event_shapes: dict[str, int]) -> str:
    kept = f"snapshot: state_version {snapshot.state_version}, event_shapes {snapshot.event_shapes}"
    rest = f"version {snapshot.version}, based_on_version {snapshot.based_on_version}, event_hash "
    rest += "None" if snapshot.event_hash is None else "given"
    return f"{kept} ({rest}); code: state_version {state_version}, event_shapes {event_shapes}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _looks_at_the_state_alone(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.event_shapes is not None and snapshot.state_version == state_version


def _takes_older_states(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version <= state_version and usable(snapshot, snapshot.state_version, event_shapes)


def _takes_newer_states(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version >= state_version and usable(snapshot, snapshot.state_version, event_shapes)


def _ignores_the_state(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot, snapshot.state_version, event_shapes)


def _takes_newer_events(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type, 99) <= shape for event_type, shape in snapshot.event_shapes.items())


def _takes_older_events(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type, 0) >= shape for event_type, shape in snapshot.event_shapes.items())


def _wants_the_same_types(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version == state_version and snapshot.event_shapes == event_shapes


def _forgives_what_is_gone(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot, state_version, {**(snapshot.event_shapes or {}), **event_shapes})


def _trusts_the_silent(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot._replace(event_shapes=snapshot.event_shapes or {}), state_version, event_shapes)


def _takes_none_for_unsaid(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return bool(snapshot.event_shapes) and usable(snapshot, state_version, event_shapes)


# --- the exercise -----------------------------------------------------------------------------------------------------

USABLE = Exercise(
    name="usable",
    task=TASK,
    stub=(
        "from esworkbench.aggregates.snapshots import Snapshot\n\n\n"
        "def my_usable(snapshot: Snapshot, state_version: int, event_shapes: dict[str, int]) -> bool: ..."
    ),
    reference=usable,
    cases=_snapshots_and_code(),
    examples=[
        (_snapshot(SHAPES), 1, SHAPES),
        (_snapshot(SHAPES), 3, SHAPES),
        (_snapshot(SHAPES), 2, {**SHAPES, "MoneyDeposited": 2}),
        (_snapshot(SHAPES), 2, {**SHAPES, "MoneyDeposited": 4}),
        (_snapshot(SHAPES), 2, {"MoneyDeposited": 3}),
        (_snapshot({}), 2, SHAPES),
        (_snapshot({}), 2, {}),
        (_snapshot(SHAPES), 2, {}),
        (_snapshot(SHAPES), 2, EXCHANGED),
        (_snapshot(SHAPES, version=1), 2, SHAPES),
        (_snapshot(SHAPES, version=200, based_on_version=100), 2, SHAPES),
        (_snapshot(SHAPES, event_hash=None), 2, SHAPES),
    ],
    given=_given_usable,
    hints=(
        "`snapshot.state_version`, and `snapshot.event_shapes`, which may be None.",
        "Each event type that the snapshot names must have the same version today. New types don't matter.",
    ),
    mistakes={
        "missing upcast": Mistake(
            _looks_at_the_state_alone,
            "nobody looks at the shapes of the events: what was folded from an older one bypasses the upcaster",
        ),
        "an older state": Mistake(
            _takes_older_states,
            "a state of an older shape is taken for one of today's: without a migration nobody can read it",
        ),
        "a newer state": Mistake(
            _takes_newer_states,
            "a state of a newer shape is accepted by code that doesn't know it yet: that happens after a rollback",
        ),
        "any state": Mistake(_ignores_the_state, "nobody looks at the shape of the state, `snapshot.state_version`"),
        "newer events": Mistake(
            _takes_newer_events,
            "it was folded from a newer event shape than this code knows, and is used: that happens after a rollback",
        ),
        "older events": Mistake(
            _takes_older_events, "it was folded from an older event shape, and is used: it bypasses the upcaster"
        ),
        "new types": Mistake(
            _wants_the_same_types,
            "a new event type invalidates it, but code that didn't know that type has folded no event of it",
        ),
        "types that are gone": Mistake(
            _forgives_what_is_gone,
            "it was folded from an event type that today's code doesn't know: nobody can vouch for what that did",
        ),
        "says nothing": Mistake(
            _trusts_the_silent, "it doesn't say which events it was folded from, but is used all the same"
        ),
        "names none": Mistake(
            _takes_none_for_unsaid,
            "a snapshot that names no event type is refused like one that doesn't say: only None doesn't say",
        ),
    },
)
