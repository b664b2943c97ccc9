"""Drills: a mystery incident to solve against the clock, judged by what came of it and not by how.

``levels``: which faults may be drawn, in which time, with how much help.
``record``: what ``drill.json`` keeps of a drill, and that nobody else's file is taken for one.
``fingerprint``: events and rows of every account as they were, so that collateral damage is seen.
``begin``: the bank with its fault, the complaint, the fingerprint.
``planted``: the sealed answer.
``everything``: the evidence of a bank, with what the lab gave to an auditor.
``hints``: three hints from the catalogue of faults, the culprit's name in the last alone.
``verdict``: the rubric, and how a verdict earns its points.
``own_case``: a mystery in a notebook, without a clock: the verdict is written down, and only then the answer opened.
``debrief``: the answer, and the shortest path to it beside the learner's own.
``sheet``: one row a drill, for a trainer.
"""
