"""What anchors say, and what they leave open, in sentences."""

from collections.abc import Sequence

from esworkbench.forensics.anchored.records import AnchorContradiction, Anchored, LeafDifference


def in_words(found: LeafDifference) -> str:
    """A difference in a sentence."""
    was = found.was
    then = f"version {was.version} of {was.stream_id}" if was else ""
    if found.kind == "missing":
        return f"{then}, anchored at position {found.position}, is gone"
    if found.kind == "inserted":
        return f"an event of {found.stream_id} stands at position {found.position}, where none was anchored"
    if found.kind == "moved" and was is not None:
        return (
            f"the event at position {found.position}, version {found.version} of {found.stream_id}, was anchored as "
            f"{then} at position {was.position}"
        )
    if found.kind == "hashed_again":
        return (
            f"from position {found.position} on, {found.stream_id} bears other hashes than were anchored, over the "
            f"same content: what stands before {then} was changed"
        )
    return f"{then} at position {found.position} is another event than was anchored there"


def range_in_words(apart: AnchorContradiction) -> str:
    """That the log differs somewhere between two anchors, and what their counts say of it."""
    words = f"the log isn't what was anchored: it parts from that after position {apart.after} and up to {apart.by}"
    if apart.held < apart.covered:
        words += f", where it holds {apart.covered - apart.held:,} events fewer"
    elif apart.held > apart.covered:
        words += f", where it holds {apart.held - apart.covered:,} events more"
    if apart.exact:
        return f"{words}; so many events differ that only the first are listed"
    return f"{words}; which events differ their leaves would tell, which are not here"


def left_open(anchored: Anchored, head: int) -> list[str]:
    """What nothing here can show, in sentences."""
    if not anchored.anchors:
        return [
            "no anchor kept elsewhere was given: a cut-off tail, or a history rewritten and rehashed as a whole, "
            "can't be excluded"
        ]
    said = []
    for signature, words in (
        ("bad", "doesn't bear the signature of its key, so it is nobody's word"),
        ("unknown_key", "is signed with a key whose public half isn't here, so it proves nothing: add it with --key"),
    ):
        places = [each.position for each in anchored.anchors if each.signature == signature]
        said += [f"the anchor at position {_listed(places)} {words}"] if places else []
    foreign = [each.position for each in anchored.anchors if each.signature == "good" and not each.of_this_log]
    if foreign:
        said.append(
            f"the anchor at position {_listed(foreign)} is of a log that begins with another event, so nothing was "
            "held against it: it belongs to another store, or all of this log was replaced"
        )
    asked = anchored.asked
    if not asked:
        return [*said, "no anchor here could be used: a cut-off tail or a rehashed history can't be excluded"]
    strangers = sorted({each.key_id[:16] for each in asked if not each.trusted})
    if strangers:
        said.append(
            f"who signed with the key {', '.join(f'{each}…' for each in strangers[:4])}: its public half lies beside "
            "the store, where whoever forges an anchor lays the key too; bring it from its owner (`evidence add --key`)"
        )
    if not any(each.trusted for each in asked):
        said.append("that the log wasn't replaced together with its anchors: none is signed with a key you brought")
    untimed = [each.position for each in asked if not each.timestamped]
    if untimed:
        said.append(
            "whether whoever holds the signing key signed another history before: only a timestamp of a third party "
            f"(RFC 3161) would show it, and the anchor at position {_listed(untimed)} has none"
        )
    last = max(each.position for each in asked)
    if last < head:
        said.append(f"what came after the last anchor: positions {last + 1} to {head} are covered by none")
    elif last >= head:
        said.append(f"what was cut off after the last anchor, at position {last}, if anything was")
    if anchored.unusable_leaves:
        said.append(
            f"which events were changed before position {_listed(anchored.unusable_leaves)}: the leaves kept with that "
            "anchor don't lead to its root"
        )
    return said


def _listed(positions: Sequence[int]) -> str:
    shown = [str(each) for each in sorted(set(positions))]
    return ", ".join(shown if len(shown) <= 4 else [*shown[:3], f"… ({len(shown)} in all)"])
