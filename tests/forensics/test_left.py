"""What is left to explain is kept by account, and the answer is that of a look through everything."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import Residual, State
from esworkbench.forensics.diagnosis.unexplained import Left, Share

KINDS = ("running", "daily", *COLUMN_KINDS)
places = st.tuples(st.sampled_from("st"), st.sampled_from(KINDS), st.sampled_from("AB"), st.integers(-2, 2))


@given(st.lists(places, max_size=12), st.lists(st.tuples(st.integers(0, 11), st.integers(-2, 2)), max_size=6))
def test_steps_of_an_account_are_those_of_all_that_are_its(
    made: list[tuple[str, str, str, int]], booked: list[tuple[int, int]]
) -> None:
    residuals = [
        Residual(number, source, kind, account, "USD", amount, "differs", number, f"e{number}", None, None, 0,
                 State.DIVERGENCE, 0, 0, number, number)
        for number, (source, kind, account, amount) in enumerate(made)
    ]  # fmt: skip
    left = Left(residuals)
    shares = [Share(residuals[number].source, residuals[number].key, amount, number)
              for number, amount in booked if number < len(residuals)]  # fmt: skip
    left.book(shares)
    standing = [residual._replace(amount=left.step(residual)) for residual in residuals if left.step(residual)]
    for source, account, kind in product((None, "s", "t"), (None, "A", "B"), (None, *KINDS)):
        key = None if account is None else (account, "USD")
        assert left.steps(source=source, key=key, kind=kind) == [
            each for each in standing
            if source in (None, each.source) and key in (None, each.key)
            and (each.kind not in COLUMN_KINDS if kind is None else each.kind == kind)
        ]  # fmt: skip
