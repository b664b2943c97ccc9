"""What this evidence would have shown: faults planted in throwaway copies of it, and each copy diagnosed.

challenge      plants, has each copy diagnosed, and counts what was caught, missed, mistaken
plants         how each fault is planted; knows nothing of what finds it
draw           the choices of one trial: account, event, amount
working_copy   a copy in memory, and on disk for as long as it is diagnosed
"""
