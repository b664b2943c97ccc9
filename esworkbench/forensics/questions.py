"""The questions that can be put to evidence, by name: plain arguments in, a JSON document out.

The command line, a case's replay and a notebook all ask here, so that one question has one answer.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.forensics.bisect import bisect
from esworkbench.forensics.diagnose import diagnose
from esworkbench.forensics.diff import diff
from esworkbench.forensics.moments import parse_moment
from esworkbench.forensics.replay import balance_at
from esworkbench.forensics.verify import verify

Document = dict[str, Any]


def ask(evidence: Evidence, question: str, arguments: Mapping[str, Any]) -> Document:
    """The answer to replay, diff, bisect, verify or diagnose. Raises KeyError for any other question."""
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in ("at", "known_at", "now"):
        if name in given:
            given[name] = parse_moment(given[name])
    answer: Document = QUESTIONS[question](evidence, **given)
    return answer


def _replay(evidence: Evidence, **given: Any) -> Document:
    return _plain(balance_at(evidence, **given)._asdict())


def _diff(evidence: Evidence, **given: Any) -> Document:
    return _plain(diff(evidence, **given))


def _bisect(evidence: Evidence, **given: Any) -> Document:
    return _plain(bisect(evidence, **given))


def _verify(evidence: Evidence) -> Document:
    return _plain(verify(evidence))


def _diagnose(evidence: Evidence, **given: Any) -> Document:
    return diagnose(evidence, **given).as_json()


QUESTIONS = {"replay": _replay, "diff": _diff, "bisect": _bisect, "verify": _verify, "diagnose": _diagnose}


def _plain(answer: Any) -> Document:
    """As a JSON reader will see it: named fields, times as text."""
    fields = answer._asdict() if hasattr(answer, "_asdict") else answer
    document: Document = msgspec.to_builtins(fields)
    return document
