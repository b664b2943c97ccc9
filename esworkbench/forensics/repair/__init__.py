"""Repair: append what makes up for wrong events, rebuild what was read wrongly, leave the rest to a backup.

plan    one step for each thing to do, in words and, where a domain's compensator is handed in, as its command
apply   each planned step once, then diagnosis again, to see that it helped
"""
