"""Diagnosis: name the faults behind wrong balances, say how certain that is, and what was tested.

diagnose             asks every detector in turn, and reports what none of them explains
context              what each detector gets: evidence, moment, residuals, batches
unexplained          how much of each residual is still to be explained
findings             what comes out: findings, what was tested, what is left unexplained
fault                the record of one fault, as diagnosis, repair, report and ``explain`` read it
catalogue            all faults, in the order in which they are asked
reach                whom else each named cause touches, and what was decided on a balance while it was wrong
shares               how much of all the money is cleared, timely, complete and unexplained
faults/              one module a fault: its record, and its detector
anchored_acts        what an anchor proves of single events, told by account
patterns             the one event type that an error follows, over every account
code_errors          such patterns as errors of a handler or of an upcaster
replay_with_code     the projection's own code, replayed on a copy, to see which errors it repeats
stretches            one stretch of the log, or one kind of event in it, that a source's figures are off by
totals               what a source is off by in all, account by account
beside               what only repeats a difference that a finding has taken
failing_hashes       contents that don't match their hash
renumbered           streams whose events bear other versions than they were hashed with
edited_or_drifted    such contents, sorted into edited and serialized differently
links_cut            links to a hash that no event bears any more
moved_positions      events whose position was changed, which no hash covers
spellings            ways in which other serializers write the same JSON
told_of_events       rows that say otherwise of their event than it does, where no amount is wrong
recorded_times       recorded times that go back while positions go on
invariants           what the ledger says must never happen, and where it did
wrong_snapshots      fields of snapshots that the events contradict
whole_log            whether the log can prove that something is absent
not_excluded         what was not found, and would leave no trace where all was changed alike
told_answered        what speaks for an answer to a hold that the log leaves open
rewritten            witnesses of a history that was rewritten, which nobody touched
stories              what each source says against the log on one account
witnesses            what claims still remember of an event that the log has lost
holes                missing rows that later rows of the same claim count
misplaced_rows       rows that stand under another day, currency or account than they tell of
rows_elsewhere       rows under another account than their event, whose balances go on from there
numbered_otherwise   snapshots as witnesses of a stream that was numbered otherwise
booked_elsewhere     a line and an event that are one movement on two accounts
written_elsewhere    events of another account or currency than the statement books them under
written_over         rows of events where the log, cut off and continued, holds others
lines_without_event  lines of a statement that no event explains and events without a line: what a gap proves
lines_of_unposted    lines of a statement for events that the ledger can't read
corrected_since      what may have put a fault right by hand already, so that nothing is paid twice
statement_balances   where a statement's balances contradict its own amounts
wording              how findings are worded
"""
