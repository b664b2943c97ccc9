"""Claims against events: one computation, and what reads it.

residuals         where claim and events part: the tables ``residuals`` and ``holds``
records           a source, a step of a claim, a residual and its state
statement_lines   a bank statement line by line, beside the events as a statement would book them
matching          which line means which event: one to one, with the least distance in time
reconcile         statements ticked off against the events; nothing else reads it
columns           what stands beside a balance and claims something too: amounts, credits and debits, holds
of_event          what a row says of its event beside all amounts: position, version, id, type and time
holds             money that was requested and waits for an answer
unposted          events that no rule of the ledger knows
diff              every claim that parts from the events
bisect            the first event at which they part
bisect_session    bisection by hand, with skip, undo and replay
logs              two logs of one store, a good copy and a damaged one, event by event
timeline          claim and event sum of one account over time
"""
