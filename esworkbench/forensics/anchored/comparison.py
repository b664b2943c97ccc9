"""The log held against every anchor that may be asked, and where it contradicts them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from esworkbench.evidence import Evidence
from esworkbench.evidence.origins import OUTSIDE, STORE
from esworkbench.forensics.anchored.differences import differences_from
from esworkbench.forensics.anchored.kept_anchors import EvidenceAnchor, KeptAnchors
from esworkbench.forensics.anchored.quarrels import quarrels_among
from esworkbench.forensics.anchored.records import (
    STRENGTHS,
    AnchorContradiction,
    Anchored,
    AnchorVerdict,
    LeafDifference,
)
from esworkbench.forensics.anchored.roots import leaves_hold, roots_of_log

FEWEST_CUT_OFF = 3
"""So many events at the end of what was anchored, none of which stands any more, were cut off in one act."""

_asked: WeakKeyDictionary[Evidence, Anchored] = WeakKeyDictionary()


def held_against_anchors(evidence: Evidence) -> Anchored:
    """The log against all anchors of the evidence, worked out once. In memory that doesn't grow with the log."""
    if evidence not in _asked:
        _asked[evidence] = _Comparison(evidence).result()
    return _asked[evidence]


class _Comparison:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._kept = KeptAnchors(evidence)
        [(self._head,)] = evidence.rows("SELECT coalesce(max(position), 0) FROM events")
        self._unusable: list[int] = []

    def result(self) -> Anchored:
        verdicts = {each: self._verdict(each) for each in self._kept.all}
        fallen = {each: verdict for each, verdict in verdicts.items() if verdict.stands is False}
        contradiction = self._contradiction(verdicts, fallen) if fallen else None
        tokens = [(verdict, bytes.fromhex(token)) for each, verdict in verdicts.items() for token in each.tokens]
        quarrels = quarrels_among(verdicts)
        return Anchored(list(verdicts.values()), contradiction, quarrels, self._unusable, tokens)

    def _verdict(self, kept: EvidenceAnchor) -> AnchorVerdict:
        from esworkbench.event_store.anchors.timestamps import is_over

        anchor = kept.anchor
        ours = self._kept.is_of_this_log(kept)
        asked = kept.signature == "good" and ours
        return AnchorVerdict(
            position=anchor.position, count=anchor.count, anchored_at=anchor.anchored_at, digest=anchor.digest(),
            key_id=anchor.key_id, origins=sorted(kept.origins), signature=kept.signature,
            trusted=kept.signature == "good" and self._kept.is_trusted(kept), of_this_log=ours,
            stands=self._roots[anchor.position] == (anchor.count, anchor.root) if asked else None,
            leaves_known=kept.leaves is not None,
            timestamped=any(is_over(bytes.fromhex(each), anchor.digested_bytes()) for each in kept.tokens),
        )  # fmt: skip

    @cached_property
    def _roots(self) -> Mapping[int, tuple[int, str]]:
        return roots_of_log(self._evidence, [each.anchor.position for each in self._kept.all])

    def _contradiction(
        self, verdicts: Mapping[EvidenceAnchor, AnchorVerdict], fallen: Mapping[EvidenceAnchor, AnchorVerdict]
    ) -> AnchorContradiction:
        lead = max(fallen, key=lambda each: self._worth(each, verdicts[each]))
        exact = lead.leaves is not None and self._leaves_hold(lead)
        differences, all_told = differences_from(self._evidence, lead) if exact else ([], False)
        standing = [each.anchor.position for each in self._kept.all if verdicts[each].stands]
        first = min(each.anchor.position for each in fallen)
        after = max((position for position in standing if position < first), default=0)
        divergence = min((each.position for each in differences), default=lead.anchor.position)
        own = {each for each in self._kept.all if each.origins & {STORE, OUTSIDE}}
        split = not own & fallen.keys() and any(
            verdicts[each].stands and each.anchor.position >= divergence for each in own
        )
        held, _ = self._roots[lead.anchor.position]
        return AnchorContradiction(
            anchors=list(fallen.values()), after=after, by=lead.anchor.position if exact else first,
            covered=lead.anchor.count, held=held, head=self._head, split=split, exact=exact, differences=differences,
            all_told=all_told, strength=max((self._kept.strength(each) for each in fallen), key=STRENGTHS.index),
            cut_after=self._cut_after(lead.anchor.position, differences) if all_told else None,
        )  # fmt: skip

    def _leaves_hold(self, lead: EvidenceAnchor) -> bool:
        holds = leaves_hold(self._evidence, lead)
        if not holds:
            self._unusable.append(lead.anchor.position)
        return holds

    def _cut_after(self, last: int, differences: Sequence[LeafDifference]) -> int | None:
        """The last position up to an anchor's that holds what it held, where everything after it is gone, and events of
        other streams stand there. A few events at the end may have been edited one by one."""
        others = {each.position for each in differences if each.kind in ("edited", "inserted")}
        [(stands,)] = self._evidence.rows(
            "SELECT coalesce(max(position), 0) FROM events "
            "WHERE position <= $last AND position NOT IN (SELECT unnest($others::BIGINT[]))",
            last=last, others=sorted(others),
        )  # fmt: skip
        was = [each for each in differences if each.was and each.was.position > stands]
        gone = {each.position for each in was if each.kind in ("missing", "edited")}
        of_others = {each.position for each in differences if each.kind == "inserted"} & gone
        return stands if len(gone) == len(was) >= FEWEST_CUT_OFF and of_others else None

    def _worth(self, kept: EvidenceAnchor, verdict: AnchorVerdict) -> tuple[int, bool, int]:
        """Of the anchors that don't stand, the one to go by: by its key, by what it tells, by how much it covers."""
        return STRENGTHS.index(self._kept.strength(kept)), kept.leaves is not None, kept.anchor.position
