"""The bank's rule for interest: a yearly rate on what is available, in integer arithmetic."""

YEARLY_BASIS_POINTS = 175
DENOMINATOR = 12 * 10_000


def interest_half_up(balance_minor: int, months: int) -> int:
    """Interest for ``months`` months in minor units, halves rounded up; 0 for a balance of 0 or less."""
    return (2 * max(balance_minor, 0) * YEARLY_BASIS_POINTS * months + DENOMINATOR) // (2 * DENOMINATOR)
