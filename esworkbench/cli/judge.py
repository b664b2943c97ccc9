"""Which ledger judged the evidence, and whose store it comes from: every command whose answer rests on it says so."""

from typing import Any

import msgspec
from rich.console import Console

from esworkbench.event_store.missing_guards import unguarded
from esworkbench.evidence import Evidence


def judge_of(evidence: Evidence) -> dict[str, Any]:
    """In every JSON document about evidence: ``ledger`` (name, SHA-256, origin), and ``domain`` as recorded."""
    return {"ledger": msgspec.to_builtins(evidence.judged_by), "domain": evidence.manifest.domain}


def say_judge(console: Console, evidence: Evidence) -> None:
    """The same as prose."""
    judge = evidence.judged_by
    console.print(f"judged by the ledger {judge.name}, {judge.origin} (SHA-256 {judge.sha256[:12]}…)", markup=False)
    for assumption in evidence.manifest.assumptions:
        console.print(f"assumed: {assumption}", markup=False)
    if evidence.manifest.missing_guards:
        console.print(unguarded(evidence.manifest.missing_guards), markup=False)
    domain = evidence.manifest.domain
    if domain is not None and ":" in domain:
        console.print(f"its code was named as {domain}: that is loaded where --domain {domain} is typed", markup=False)
    if not evidence.ledger.posts:
        console.print(f"the ledger {judge.name} posts nothing: there is nothing to sum", markup=False)
