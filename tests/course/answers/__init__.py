"""For each notebook's exercises: right answers in other styles, wrong ones, and mutants that no case can tell.

``RIGHT``: by exercise, answers that must be accepted: two styles at least, none of them the reference.
``WRONG``: by exercise, answers that were accepted once, or that people gave: none may be.
``EQUIVALENT``: by exercise, the mutants of the reference that mean the same as it, each with the reason.
"""
