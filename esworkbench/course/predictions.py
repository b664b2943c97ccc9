"""A guess before the answer: said in one line, kept, and compared with what comes out."""

from pathlib import Path
from typing import Any

import msgspec
from IPython.display import Markdown, display

from esworkbench.course.workspace import work_folder
from esworkbench.kept_files import append_line

RECORD = "predictions.jsonl"


class KeptPrediction(msgspec.Struct, frozen=True):
    """A question, what the learner guessed and what came out, each as text."""

    question: str
    guess: str
    was: str


class Prediction:
    """A guess that waits for what comes out; ``...`` as the guess is none."""

    def __init__(self, question: str, guess: Any, folder: Path | None = None) -> None:
        self.question = question
        self.guess = guess
        self.folder = folder

    def was(self, outcome: Any) -> None:
        """Show the guess beside what came out, and keep both."""
        if self.guess is ...:
            return _show(f"It was **{outcome}**. (You made no guess.)")
        _show(f"{'✔' if self.guess == outcome else '✘'} You said **{self.guess}**. It was **{outcome}**.")
        kept = KeptPrediction(self.question, str(self.guess), str(outcome))
        append_line((self.folder or work_folder()) / RECORD, msgspec.json.encode(kept))


def predict(question: str, guess: Any = ...) -> Prediction:
    """Ask for a guess: the learner writes it in place of the ``...``."""
    if guess is ...:
        _show(f"*{question}* Write your guess in place of the `...`, then go on.")
    else:
        _show(f"*{question}* You say **{guess}**.")
    return Prediction(question, guess)


def _show(text: str) -> None:
    display(Markdown(text))
