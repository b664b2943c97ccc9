"""An amount so large that a float loses a cent of it."""

A_CENT_TOO_FINE_FOR_A_FLOAT = 9_007_199_254_740_993
