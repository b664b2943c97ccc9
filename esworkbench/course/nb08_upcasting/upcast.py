"""The exercise ``upcast``: the chain of steps."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import reply
from esworkbench.upcasters import Payload

Step = Callable[[Payload], Payload]

Steps = Mapping[tuple[str, int], Step]

IN_PLACE, INSIDE, ANEW = "changes the payload it is given", "changes what is inside it", "returns a new payload"

FAILS: dict[str, Exception] = {
    f"raises a {type(error).__name__} of its own": error
    for error in (
        KeyError("total_dollars"), IndexError("no line left"), StopIteration("no line left"), ValueError("no number"),
        TypeError("no number"), ZeroDivisionError("no parts"), AttributeError("no text"), RuntimeError("no rate"),
    )
}  # fmt: skip

DRAFT_TAKEN_OUT = "returns a new payload, without the draft alone"

Chain = tuple[tuple[tuple[str, int], str], ...]
"""The shapes that have a step, each with the way in which it works."""


def _step(event_type: str, version: int, style: str) -> Step:
    def step(payload: Payload) -> Payload:
        """Notes that it was taken, in one of the three ways in which real ones work; two of them take a field out."""
        taken = f"{event_type} v{version}"
        if style in FAILS:
            raise FAILS[style]
        if style == DRAFT_TAKEN_OUT:
            return {name: value for name, value in payload.items() if name != "draft"}
        if style == INSIDE:
            payload["lines"][0]["taken"].append(taken)
            return payload
        became = payload if style == IN_PLACE else dict(payload)
        became["lines"] = [{"taken": [*payload["lines"][0]["taken"], taken]}]
        became.pop("draft", None)
        return became

    return step


def _play_upcast(answer: Any, steps: Chain, event_type: str, version: int, payload: Payload, to_version: int) -> Any:
    """What becomes of the payload; whichever error an answer raises is right where one is. The steps must be left."""
    functions = {shape: _step(*shape, style) for shape, style in steps}
    before = dict(functions)
    became = reply(answer, functions, event_type, version, payload, to_version)
    told = Raised(Exception, became.message) if isinstance(became, Raised) else became
    return told if functions == before else (told, {"steps left": sorted(functions)})


def upcast(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    """It counts the versions itself, and the steps work on a copy; where a step is missing, a KeyError names it."""
    if version > to_version:
        raise ValueError(f"{event_type} was written in a newer version than v{to_version}")
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = steps[event_type, each](payload)
    return payload


def _taking(
    steps: Steps, event_type: str, versions: Iterable[int], payload: Payload, *, skips_missing: bool = False
) -> Payload:
    """The steps from these versions, in this order."""
    payload = deepcopy(payload)
    for version in versions:
        if (event_type, version) in steps or not skips_missing:
            payload = steps[event_type, version](payload)
    return payload


def _require_not_newer(version: int, to_version: int) -> None:
    if version > to_version:
        raise ValueError


def _one_step_only(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version)[:1], payload)


def _one_step_short(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version - 1), payload)


def _last_step_first(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version)[::-1], payload)


def _always_from_v1(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(1, to_version), payload)


def _no_copy(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    for each in range(version, to_version):
        payload = steps[event_type, each](payload)
    return payload


def _outside_copied(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    for each in range(version, to_version):
        payload = steps[event_type, each](dict(payload))
    return payload


def _missing_ones_skipped(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    return _taking(steps, event_type, range(version, to_version), payload, skips_missing=True)


def _return_ignored(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        steps[event_type, each](payload)
    return payload


def _type_ignored(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    of_any_type = {(event_type, each): function for (_, each), function in steps.items()}
    return _taking(of_any_type, event_type, range(version, to_version), payload)


def _steps_used_up(steps: Any, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = steps.pop((event_type, each))(payload)
    return payload


def _old_fields_come_back(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    _require_not_newer(version, to_version)
    payload = deepcopy(payload)
    for each in range(version, to_version):
        payload = {**payload, **steps[event_type, each](deepcopy(payload))}
    return payload


def _newer_let_through(steps: Steps, event_type: str, version: int, payload: Payload, to_version: int) -> Payload:
    return _taking(steps, event_type, range(version, to_version), payload)


NOTHING_TAKEN: Payload = {"total": Decimal("0.1"), "draft": True, "coupon": None, "lines": [{"taken": []}]}


@st.composite
def _chains(draw: st.DrawFn) -> tuple[Chain, str, int, Payload, int]:
    """One type or two with up to three steps each, of which one is missing now and then; between any two versions."""
    types = draw(st.sampled_from([["Noted"], ["Noted", "Sent"], ["Noted", "Sent"]]))
    shapes = [(name, version) for version in (1, 2, 3) for name in types]
    missing = draw(st.sets(st.sampled_from(shapes), max_size=2))
    styles = st.sampled_from([IN_PLACE, INSIDE, ANEW])
    steps = tuple((shape, draw(styles)) for shape in draw(st.permutations(shapes)) if shape not in missing)
    version = draw(st.integers(1, 4))
    to_version = draw(st.integers(max(1, version - 1), 4))
    return steps, draw(st.sampled_from(types)), version, NOTHING_TAKEN, to_version


def _whole_chain(style: str) -> Chain:
    return tuple(((name, version), style) for version in (1, 2, 3) for name in ("Noted", "Sent"))


def _long_chain(until: int) -> Chain:
    return tuple((("Noted", version), ANEW) for version in range(1, until))


def _told_upcast(steps: Chain, event_type: str, version: int, payload: Payload, to_version: int) -> str:
    lines = "".join(f"\n  {shape}: {style}" for shape, style in steps[:12])
    if steps[12:]:
        lines += f"\n  and so on, up to {steps[-1][0]}"
    return f"event_type={event_type!r}, {version=}, {payload=}, {to_version=}, steps:{lines or ' none'}"


UPCAST = Exercise(
    name="upcast",
    task=(
        "`steps` maps `(event_type, version)` to a function that takes a payload of that version and returns it in the "
        "next one; it may change the payload it is given, and the lists and dicts inside it. Return `payload`, stored "
        "as `version`, in the shape of `to_version`, which may take hundreds of steps. Raise an error, of whichever "
        "type, where a step is missing or fails, or the stored version is the newer one. `steps` and the payload that "
        "you are given must stay as they are, inside too."
    ),
    stub=(
        "from collections.abc import Callable, Mapping\nfrom copy import deepcopy\n\n"
        "from esworkbench.upcasters import Payload\n\n"
        "Step = Callable[[Payload], Payload]\n\n\n"
        "def my_upcast(\n"
        "    steps: Mapping[tuple[str, int], Step], event_type: str, version: int, payload: Payload, to_version: int\n"
        ") -> Payload: ..."
    ),
    reference=upcast,
    cases=_chains(),
    examples=[
        (_whole_chain(ANEW), "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(IN_PLACE), "Noted", 2, NOTHING_TAKEN, 4),
        (_whole_chain(INSIDE), "Noted", 2, NOTHING_TAKEN, 4),
        (_whole_chain(ANEW)[::-1], "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(DRAFT_TAKEN_OUT), "Noted", 1, {"draft": True}, 3),
        (((("Noted", 1), ANEW), (("Sent", 2), ANEW), (("Noted", 3), ANEW)), "Noted", 1, NOTHING_TAKEN, 4),
        (_whole_chain(ANEW), "Sent", 4, NOTHING_TAKEN, 3),
        (_long_chain(until=3), "Sent", 1, NOTHING_TAKEN, 2),
        ((), "Sent", 1, NOTHING_TAKEN, 2),
        ((), "Sent", 2, NOTHING_TAKEN, 2),
        (_long_chain(until=13), "Noted", 1, NOTHING_TAKEN, 13),
        (_long_chain(until=131), "Noted", 1, NOTHING_TAKEN, 131),
        *(
            (((("Noted", 1), ANEW), (("Noted", 2), fails), (("Noted", 3), ANEW)), "Noted", 1, NOTHING_TAKEN, 4)
            for fails in FAILS
        ),
    ],
    play=_play_upcast,
    given=_told_upcast,
    hints=(
        "Count from the stored version up to, but not including, the one wanted.",
        "`deepcopy(payload)` copies what is inside, too. `steps[event_type, version]` raises where there is none; what "
        "a step returns is what the next one is given.",
    ),
    mistakes={
        "one step only": Mistake(
            _one_step_only, "only the first step was taken: go on until the wanted version is reached"
        ),
        "off by one version": Mistake(
            _one_step_short, "it stops one version short: the last step is the one from the version before the wanted"
        ),
        "wrong order": Mistake(
            _last_step_first, "the steps are taken in the wrong order: begin with the stored version and count up"
        ),
        "always from v1": Mistake(
            _always_from_v1, "it always begins with the step from v1: start where the payload is, at its version"
        ),
        "double apply": Mistake(
            _no_copy,
            "the payload you were given was changed: whoever reads it again gets every step twice; work on a copy",
        ),
        "inside not copied": Mistake(
            _outside_copied,
            "what is inside the payload you were given was changed: `dict(…)` copies the outside alone, deepcopy all",
        ),
        "missing upcast": Mistake(
            _missing_ones_skipped,
            "a step is missing and nothing is said: raise, before a reader takes the old shape for the new one",
        ),
        "return ignored": Mistake(
            _return_ignored,
            "what a step returns is lost: some change the payload they are given, others make a new one",
        ),
        "type ignored": Mistake(
            _type_ignored, "a step of another event type was taken: look it up by type and version together"
        ),
        "steps used up": Mistake(
            _steps_used_up, "it takes the steps out of `steps`, and the next event finds none: look them up"
        ),
        "old fields come back": Mistake(
            _old_fields_come_back,
            "a field that a step has taken out is back: what a step returns is the whole payload, so merge nothing",
        ),
        "newer let through": Mistake(
            _newer_let_through,
            "the stored version is newer than the one wanted, and nothing is said: there is no way back, so raise",
        ),
    },
)
