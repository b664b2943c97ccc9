"""The questions that can be asked of evidence, by name: plain arguments in, a JSON document out.

The command line, a case's replay and a notebook all ask here, so that one question has one answer.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.compare.reconcile import reconcile
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.replay_with_code import Code
from esworkbench.forensics.replay.moments import parse_moment
from esworkbench.forensics.replay.replay import balance_at, stream_at
from esworkbench.forensics.verify import verify

Document = dict[str, Any]


def ask(evidence: Evidence, question: str, arguments: Mapping[str, Any]) -> Document:
    """The answer to replay, diff, bisect, reconcile, verify or diagnose. Raises UnusableInput for any other question,
    and for an argument that the question doesn't take or that is of another type.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    _require_asked_as_it_can_be(question, given)
    for name in MOMENTS:
        if name in given:
            given[name] = parse_moment(given[name])
    document: Document = msgspec.to_builtins(QUESTIONS[question].answer(evidence, **given).as_json())
    return document


def in_words(evidence: Evidence, question: str, found: Mapping[str, Any]) -> str:
    """What the answer comes to, in the sentence that a case keeps of it."""
    return QUESTIONS[question].words(found, evidence)


def _require_asked_as_it_can_be(question: str, given: Mapping[str, Any]) -> None:
    if question not in QUESTIONS:
        raise UnusableInput(f"there is no question {question!r}: evidence is asked {', '.join(QUESTIONS)}")
    takes = QUESTIONS[question].takes
    for name, value in given.items():
        if name not in takes:
            raise UnusableInput(f"{question} takes no {name!r}: it takes {', '.join(takes) or 'nothing'}")
        # Exactly: True is an int to Python, and no version.
        if type(value) is not takes[name]:
            raise UnusableInput(f"{question} takes {name!r} as {_spoken(takes[name])}, not {value!r}")
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise UnusableInput(f"{question} takes {name!r} from 0 to {LARGEST}, not {value}")
    if "account" not in given and question in NEED_ACCOUNT:
        raise UnusableInput(f"{question} needs an account")


def _spoken(kind: type) -> str:
    return {str: "text", int: "a whole number"}.get(kind, f"loaded code ({kind.__name__})")


def replay(evidence: Evidence, account: str, *, currency: str | None = None, **moment: Any) -> Any:
    """The balance as of a moment; for a stream without postings, how far it had got."""
    if evidence.ledger.posts:
        return balance_at(evidence, account, currency=currency, **moment)
    return stream_at(evidence, account, **moment)


def _balance(found: Mapping[str, Any], evidence: Evidence) -> str:
    return "no balance" if found["balance"] is None else evidence.money(found["balance"], found["currency"])


def _faults(found: Mapping[str, Any], _: Evidence) -> str:
    names = sorted({finding["fault"] for finding in found["findings"] if not finding["healthy"]})
    return ", ".join(names) or "nothing but what is healthy"


class Question(NamedTuple):
    """What answers it, the arguments that it takes, by type, and what its answer comes to in words."""

    answer: Callable[..., Any]
    takes: dict[str, type]
    words: Callable[[Mapping[str, Any], Evidence], str]


QUESTIONS = {
    "replay": Question(
        replay, {"account": str, "currency": str, "at": str, "known_at": str, "version": int}, _balance
    ),
    "diff": Question(diff, {"against": str}, lambda it, _: f"{it['divergent']} of {it['compared']} diverge"),
    "bisect": Question(
        bisect, {"account": str, "currency": str, "against": str},
        lambda it, _: f"position {it['position']}, {it['probes']} probes",
    ),
    "reconcile": Question(
        reconcile, {"statement": str},
        lambda it, _: f"{len(it['missing'])} missing, {len(it['extra'])} extra, {len(it['altered'])} altered",
    ),
    "verify": Question(verify, {}, lambda it, _: f"{len(it['breaks'])} breaks"),
    "diagnose": Question(diagnose, {"account": str, "now": str, "projection": Code}, _faults),
}  # fmt: skip
"""Everything that can be asked. Code is never named here by text: whoever asks has loaded it."""

NEED_ACCOUNT = ("replay", "bisect")
MOMENTS = ("at", "known_at", "now")
LARGEST = 2**63 - 1
