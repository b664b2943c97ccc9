"""Pieces that the views share."""

from html import escape


def warning(sentence: str) -> str:
    """HTML of what went wrong, announced to screen readers: JupyterLab itself shows nothing when a callback raises."""
    return f"<p role='alert'><b>not done:</b> {escape(sentence)}</p>"
