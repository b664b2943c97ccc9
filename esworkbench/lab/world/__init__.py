"""The simulated world around the bank. Every event is decided by the real ``Bank``.

``agenda``: simulated time, one action after another.
``anchoring``: signs what the log holds, at the readers' runs.
``life``: the months of every customer, and what the bank does with them.
``newcomers``: up to a hundred thousand accounts with short lives.
``people``: who banks here, and how large the world is.
``card_network``: clears or declines card purchases.
``bus``: carries messages between bank and network, and loses them in a partition.
``operations``: the log of those who run the machines: outages, releases, restores, sessions.
``books``: what was really booked, and the statements printed from it.
``readers``: runs the bank's projections.
``interest``: the rule for interest.
``old_release``: writes deposits in the shapes of the bank's first years.
"""
