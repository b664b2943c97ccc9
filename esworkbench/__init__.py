"""A bank that keeps its accounts as events, and a forensics bench for any event-sourced ledger.

This is the face of the package: the few names with which a script goes from a store to a repaired balance. Each is
imported when it is asked for, and is documented where it stands; all else is imported from its own room.

``EventStore`` opens a store, on SQLite or PostgreSQL. The bank writes to this one, and two read models follow:

>>> from esworkbench import EventStore
>>> from esworkbench.domains.bank import Bank, Deposit, OpenAccount, Withdraw, bank_decoder
>>> from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
>>> from esworkbench.projections import ProjectionRunner
>>> store = EventStore.open("bank.db")
>>> bank = Bank(store)
>>> _ = bank.handle(OpenAccount(account_id="ada", owner="Ada", currency="USD"))
>>> _ = bank.handle(Deposit(account_id="ada", amount_minor=2_500, currency="USD", reference="salary"))
>>> _ = bank.handle(Withdraw(account_id="ada", amount_minor=700, currency="USD", reference="shoes"))
>>> for projection in (AccountBalances(), TransactionHistory()):
...     ProjectionRunner(store, projection, bank_decoder(), run_id="first").catch_up()
3
3

Somebody changes a row of one of them by hand; the other agrees with the log still:

>>> with store.engine.begin() as connection:
...     _ = connection.exec_driver_sql("UPDATE account_balances SET balance_minor = 9000")

``capture`` freezes a store, or a bank's own file, as evidence; the source is only read. ``Evidence`` opens what was
frozen, and refuses it if a byte has changed since:

>>> from esworkbench import Evidence, capture
>>> _ = capture("bank.db", "evidence", progress=False)
>>> evidence = Evidence.open("evidence")
>>> evidence.accounts()
[('ada', 'USD')]

``replay`` folds an account up to a moment: by valid time, by recorded time, by version or by position.

>>> from esworkbench import replay
>>> replay(evidence, "ada", version=2).balance, replay(evidence, "ada").balance
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

``repair`` says what would be done, and writes nothing; with ``apply`` and the digest that capture gave it does it,
keeps the rows that it replaces, and looks again:

>>> from esworkbench import repair
>>> planned = repair(evidence, store, operator="Grace")
>>> [(step.kind, step.projection, step.state) for step in planned.steps]
[('rebuild', 'account_balances', 'planned')]
>>> done = repair(evidence, store, operator="Grace", apply=True, digest=evidence.digest)
>>> done.applied, done.verified
(True, True)

``report`` makes of an inquiry one page of HTML that needs no second file:

>>> from esworkbench import report
>>> inquiry.verdict in report(inquiry, evidence)
True
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
