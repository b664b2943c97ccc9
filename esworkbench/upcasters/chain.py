"""The chain: stored events keep the shape they were written in, and change shape only while being read.

(Greg Young, *Versioning in an Event Sourced System*, chapter on upcasting.)
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from esworkbench.errors import InvalidEvent, MissingUpcaster

Payload = dict[str, Any]


class Upcaster(NamedTuple):
    """One step for one event type, from ``from_version`` to the next. The function's docstring is its reason."""

    event_type: str
    from_version: int
    function: Callable[[Payload], Payload]

    @property
    def reason(self) -> str:
        return " ".join((self.function.__doc__ or "").split())


class UpcasterChain:
    """All steps a log needs, looked up by (event type, version).

    Raises ValueError when two steps start at the same version of a type, or when a step has no reason.
    """

    def __init__(self, upcasters: Iterable[Upcaster] = ()) -> None:
        self._steps: dict[tuple[str, int], Upcaster] = {}
        for upcaster in upcasters:
            key = (upcaster.event_type, upcaster.from_version)
            if key in self._steps:
                raise ValueError(f"two upcasters start at {upcaster.event_type} v{upcaster.from_version}")
            if not upcaster.reason:
                raise ValueError(f"{upcaster.function.__name__} needs a docstring that says why it exists")
            self._steps[key] = upcaster

    def __iter__(self) -> Iterator[Upcaster]:
        return iter(self._steps.values())

    def upcast(self, event_type: str, schema_version: int, payload: Payload, *, to_version: int) -> Payload:
        """The payload in the shape of ``to_version``; the one given is left as it was.

        Raises MissingUpcaster, naming the step that is missing, or when the stored shape is newer than the code;
        InvalidEvent when a step fails on the payload.
        """
        if schema_version > to_version:
            raise MissingUpcaster(
                f"{event_type} was written as v{schema_version}, but this code knows up to v{to_version}: "
                "run the release that wrote it"
            )
        for version in range(schema_version, to_version):
            step = self._steps.get((event_type, version))
            if step is None:
                raise MissingUpcaster(f"no upcaster takes {event_type} from v{version} to v{version + 1}")
            payload = _take(step, payload)
        return payload


def _take(step: Upcaster, payload: Payload) -> Payload:
    """A step works on a copy, so that whatever it pops stays in the payload it was given."""
    try:
        return step.function(dict(payload))
    except Exception as error:
        raise InvalidEvent(
            f"upcaster {step.function.__name__} can't take this {step.event_type} v{step.from_version}: {error!r}"
        ) from error
