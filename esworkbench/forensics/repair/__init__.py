"""Repair: compensate wrong events by appending, rebuild wrong read models, and leave the rest to a backup.

plan    one step for each thing to do, in words and, given a domain's compensator, as its command
kept_rows  a copy of every row that a rebuild replaces
carry_over  what came after a good copy was made, appended to the store that was restored from it
apply   each planned step once, then diagnosis again, to see that it helped
"""
