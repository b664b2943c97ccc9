"""docs/cli.md says what the commands say."""

from tests.ground.cli_reference import PAGE, page
from tests.ground.tracked import TOP


def test_the_reference_is_what_the_commands_say_of_themselves() -> None:
    written = (TOP / PAGE).read_text(encoding="utf-8")
    assert written == page(), "a command changed: run python -m tests.ground.cli_reference, and commit docs/cli.md"
