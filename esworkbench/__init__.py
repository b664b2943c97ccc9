"""A bank that keeps its accounts as events, and a forensics bench for any event-sourced ledger.

This is the face of the package: the few names with which a script goes from a store to a repaired balance. Each is
imported when it is asked for, and is documented where it stands; all else is imported from its own room.

``EventStore`` opens a store, on SQLite or PostgreSQL. The bank writes to this one, and a read model follows:

>>> from esworkbench import EventStore
>>> from esworkbench.domains.bank import Bank, Deposit, OpenAccount, Withdraw, bank_decoder
>>> from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances
>>> from esworkbench.projections import ProjectionRunner
>>> store = EventStore.open("bank.db")
>>> bank = Bank(store)
>>> _ = bank.handle(OpenAccount(account_id="ada", owner="Ada", currency="USD"))
>>> _ = bank.handle(Deposit(account_id="ada", amount_minor=2_500, currency="USD", reference="salary"))
>>> _ = bank.handle(Withdraw(account_id="ada", amount_minor=700, currency="USD", reference="shoes"))
>>> ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="first").catch_up()
3

Somebody changes a row of that read model by hand:

>>> with store.engine.begin() as connection:
...     _ = connection.exec_driver_sql("UPDATE account_balances SET balance_minor = 9000")

``capture`` freezes a store, or a bank's own file, as evidence; the source is only read. ``Evidence`` opens what was
frozen, and refuses it if a byte has changed since:

>>> from esworkbench import Evidence, capture
>>> _ = capture("bank.db", "evidence", progress=False)
>>> evidence = Evidence.open("evidence")
>>> evidence.accounts()
[('ada', 'USD')]

``balance_at`` replays an account to a moment: by valid time, by recorded time, by version or by position.

>>> from esworkbench import balance_at
>>> balance_at(evidence, "ada", version=2).balance, balance_at(evidence, "ada").balance
(2500, 1800)

``diff`` holds every claim against the events; ``bisect`` looks for the first event at which the two part, and says
when it can't know:

>>> from esworkbench import bisect, diff
>>> [(row.account, row.source, row.claimed, row.event_sum, row.delta) for row in diff(evidence).rows]
[('ada', 'account_balances', 9000, 1800, 7200)]
>>> first = bisect(evidence, "ada")
>>> first.position, first.sound
(3, False)

``diagnose`` names the fault; ``investigate`` asks of one account all that the bench can ask, in seven steps:

>>> from esworkbench import diagnose, investigate
>>> diagnosis = diagnose(evidence)
>>> [(finding.fault, finding.amount) for finding in diagnosis.findings]
[('manual_edit', 7200)]
>>> inquiry = investigate(evidence)
>>> inquiry.account, inquiry.delta
('ada', 7200)

``plan_repair`` says what would be done, and writes nothing; ``apply_repair`` does it, and looks again:

>>> from esworkbench import apply_repair, plan_repair
>>> planned = plan_repair(evidence, diagnosis, operator="Grace")
>>> [(step.kind, step.projection) for step in planned.steps]
[('rebuild', 'account_balances')]
>>> done = apply_repair(planned, store, evidence, projections=BANK_PROJECTIONS, decoder=bank_decoder())
>>> done.applied, done.verified
(True, True)

``report`` makes of an inquiry one page of HTML that needs no second file:

>>> from esworkbench import report
>>> inquiry.verdict in report(inquiry, evidence)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from esworkbench.version import __version__ as __version__

if TYPE_CHECKING:
    from esworkbench.composition import capture
    from esworkbench.event_store.store import EventStore
    from esworkbench.evidence.evidence import Evidence
    from esworkbench.forensics.compare.bisect import bisect
    from esworkbench.forensics.compare.diff import diff
    from esworkbench.forensics.diagnosis.diagnose import diagnose
    from esworkbench.forensics.investigation.investigate import investigate
    from esworkbench.forensics.investigation.report import render as report
    from esworkbench.forensics.repair.apply import apply as apply_repair
    from esworkbench.forensics.repair.plan import plan as plan_repair
    from esworkbench.forensics.replay.replay import balance_at

__all__ = [
    "EventStore",
    "Evidence",
    "apply_repair",
    "balance_at",
    "bisect",
    "capture",
    "diagnose",
    "diff",
    "investigate",
    "plan_repair",
    "report",
]

_PLACES = {
    "EventStore": "event_store.store:EventStore",
    "Evidence": "evidence.evidence:Evidence",
    "apply_repair": "forensics.repair.apply:apply",
    "balance_at": "forensics.replay.replay:balance_at",
    "bisect": "forensics.compare.bisect:bisect",
    "capture": "composition:capture",
    "diagnose": "forensics.diagnosis.diagnose:diagnose",
    "diff": "forensics.compare.diff:diff",
    "investigate": "forensics.investigation.investigate:investigate",
    "plan_repair": "forensics.repair.plan:plan",
    "report": "forensics.investigation.report:render",
}
"""Where each name stands: what the imports above tell a type checker, a running program reads here."""


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


if not TYPE_CHECKING:  # a type checker would take every name that isn't there for one of these

    def __getattr__(name: str) -> Any:
        """PEP 562: a name is imported when it is asked for."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, attribute = _PLACES[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), attribute)
