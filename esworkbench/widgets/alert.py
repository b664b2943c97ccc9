"""How a widget shows an error: where the person is looking, and to a screen reader too."""

from html import escape


def alert(error: object) -> str:
    """HTML that says what was not done, and why."""
    return f"<p role='alert'><b>not done:</b> {escape(str(error))}</p>"
