"""Judging an answer: run it beside the right one on generated cases, and show the smallest case on which they differ.

``exercise``: what is asked, the right answer, the generator of cases, the mistakes that people make.
``meaning``: whether two replies mean the same, whatever their style.
``observe``: what an answer did with a case: what it returned, raised, and did to what it was given.
``judge``: the cases tried, the smallest that fails, the hint that fits.
``worker``: another process for answers, stopped when they take too long.
``shown``: verdict, hint and solution as the learner sees them.
``pasteable``: a solution as code that runs when it is pasted.
"""
