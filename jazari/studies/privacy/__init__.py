"""Differential privacy: what a study may spend of a data set's budget, and the noise that its guard adds."""
