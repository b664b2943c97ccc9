"""The interview: questions on cards, the cells that prove the answers, and ways to practise.

``cards``: loaded and checked; the points of a strong answer, red flags, follow-ups.
``proofs``: whether a notebook's output shows what a point says.
``walkthrough``: a card as Markdown, with links to the proving cells.
``mock``: an interview of a given length, drawn by a seed, and its score sheet.
``rubric``: an answer scored by whoever gave it, point by point.
``rubric_view``: the same with boxes to tick, in a notebook.
``repetition``: which cards are due, in Leitner's boxes.
``anki``: the cards as a deck for Anki.
"""
