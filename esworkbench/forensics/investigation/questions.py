"""The questions that can be asked of evidence, by name: plain arguments in, a JSON document out.

The command line, a case's replay and a notebook all ask here, so that one question has one answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.replay.moments import parse_moment
from esworkbench.forensics.replay.replay import balance_at, stream_at
from esworkbench.forensics.verify import verify

Document = dict[str, Any]


def ask(evidence: Evidence, question: str, arguments: Mapping[str, Any]) -> Document:
    """The answer to replay, diff, bisect, verify or diagnose. Raises KeyError for any other question."""
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in ("at", "known_at", "now"):
        if name in given:
            given[name] = parse_moment(given[name])
    document: Document = msgspec.to_builtins(QUESTIONS[question](evidence, **given).as_json())
    return document


def replay(evidence: Evidence, account: str, *, currency: str | None = None, **moment: Any) -> Any:
    """The balance as of a moment; for a stream without postings, how far it had got."""
    if evidence.ledger.posts:
        return balance_at(evidence, account, currency=currency, **moment)
    return stream_at(evidence, account, **moment)


QUESTIONS: dict[str, Callable[..., Any]] = {
    "replay": replay,
    "diff": diff,
    "bisect": bisect,
    "verify": verify,
    "diagnose": diagnose,
}
