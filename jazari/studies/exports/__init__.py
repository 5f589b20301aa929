"""Models of published results in the formats of other programs."""
