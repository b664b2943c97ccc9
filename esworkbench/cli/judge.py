"""Which ledger judged the evidence: said aloud by every command whose answer rests on one."""

from typing import Any

import msgspec
from rich.console import Console

from esworkbench.evidence import Evidence


def judge_of(evidence: Evidence) -> dict[str, Any]:
    """The key ``ledger`` that every JSON document about evidence has: name, SHA-256 and origin."""
    return {"ledger": msgspec.to_builtins(evidence.judged_by)}


def say_judge(console: Console, evidence: Evidence) -> None:
    """The same as a line of prose."""
    judge = evidence.judged_by
    console.print(f"judged by the ledger {judge.name}, {judge.origin} (SHA-256 {judge.sha256[:12]}…)", markup=False)
    if not evidence.ledger.posts:
        console.print(f"the ledger {judge.name} posts nothing: there is nothing to sum", markup=False)
