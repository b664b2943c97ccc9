"""One payload taken to another shape of its own type: for whoever holds a payload and no record of it."""

from esworkbench.errors import MissingUpcaster
from esworkbench.upcasters.chain import UpcasterChain, newer_than_the_code
from esworkbench.upcasters.steps import Payload, Shape, Shaped


def upcast(chain: UpcasterChain, event_type: str, schema_version: int, payload: Payload, *, to_version: int) -> Payload:
    """The payload in the shape of ``to_version`` of its own type; the one given is left as it was.

    Raises MissingUpcaster, naming the step that is missing, or when the stored shape is newer than ``to_version``, or
    when the event doesn't stay one of its type; InvalidEvent when a step fails on the payload.
    """
    if schema_version > to_version:
        raise newer_than_the_code(Shape(event_type, schema_version), to_version)
    reached = chain.follow(Shaped(event_type, schema_version, payload), {event_type: to_version})
    if [each.shape for each in reached] != [Shape(event_type, to_version)]:
        became = " and ".join(str(each.shape) for each in reached) or "nothing"
        raise MissingUpcaster(
            f"{event_type} v{schema_version} becomes {became}, not one {event_type} v{to_version}: follow the chain"
        )
    return reached[0].payload
