"""The exercises of the notebooks, one module or package a notebook, and the few things they share.

``grader``: an answer is run beside the right one on generated cases.
``drills``: a mystery incident to solve against the clock, judged by its outcome.
``progress``: what was tried and solved, kept beside the notebooks' work.
``answers``: accepted answers, kept as source, which later cells run on.
``predictions``: a guess before the answer, kept and compared with what comes out.
``interview``: questions of an interview, each with the cells that prove the answer, and ways to practise.
``workspace``: empty stores and folders for a notebook to work in.
``contents``: the table of contents, read from the notebooks.
``case_database``: the database that the cases of an exercise are played on.
``store_in_memory``: an event store with lists where a database would be, for exercises.
``small_log``: postings and events written by hand, for notebooks 11, 12 and 14.
``small_bank``: a bank with a real store, put back as it was for each trial of an answer.
``nb01_events_not_rows``: derive a balance, ask about the past, correct without deleting.
``nb02_event_store``: append with a version, try again, publish, repeat a command, stop before a gap.
``nb03_aggregates``: decide and apply, on an account; undo and rebase, in a document.
``nb04_repository_and_snapshots``: load from a snapshot, know when not to, migrate one, when to take one, p99.
``nb05_projections``: one batch, one message, one day, one bad event, each counted once.
``nb06_rebuilding_projections``: shards, what is left after a kill, the swap, one query for all balances.
``nb07_cqrs_and_read_your_writes``: when a read model is fresh, own writes, percentiles of lag, old holds.
``nb08_upcasting``: the chain, its steps, and the way back.
``nb09_upcaster_archaeology``: sample a log, recognise a version, find dead steps, compare two readers.
``nb10_joining_four_aggregates``: the region, a join that waits, what is still waiting, and what breaks the contract.
``nb11_replay_to_a_moment``: moments with a zone, the two time axes, an account at a version.
``nb12_diff_projection_against_events``: fair comparisons, late or wrong, ranges covered twice, a rebuild.
``nb13_bisect_a_corrupted_balance``: residuals, the first bad step, every bad step.
``nb14_the_47_23_case``: where to look, unanswered requests, a correction that appends, amounts in words.
"""
