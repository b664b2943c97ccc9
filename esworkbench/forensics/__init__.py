"""The bench: what the events say, what others claim, and why the two part. It works on evidence and knows no domain.

compare/         where claims and events part, worked out once; diff, bisect and timeline read it
replay/          an account as of a moment, on either time axis; stepping through its events
diagnosis/       which fault it was, and how certain that is; one file for each fault
challenge/       faults planted in copies of evidence, and what diagnosis sees of them
repair/          a plan, and what carries it out
investigation/   all of it in seven steps, with the case and the report
verify           hash chains, gaps, structure
anchored/        the log held against what was signed of it
stamped          what a third party's timestamps say
hash_in_sql      the same hashes worked out by query
scratch_store    a copy of a store to try a repair on
glossary         what ``explain`` says of a word
"""
