"""What diagnosis says of every bank that the lab can break, counted: right, half right, silent, mistaken.

``trials``: which banks are built, and what is asked of each.
``processes``: several banks at once.
``rules``: FAULTS.md as data: how exactly each fault has to be named, and what it can't be told apart from.
``judge``: holds what was said against what was planted; it knows neither the lab nor the detectors.
``journal``: what has been judged so far, a line a trial, so that a killed run goes on where it was.
``report``: CONFUSION.md.
"""
