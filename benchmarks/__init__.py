"""Measurements of what Jazari promises about speed, size and exactness: ``python -m benchmarks --help``.

Each module measures one thing on real nodes, keys, HTTPS and FLARE processes, and is never part of a test suite.
"""
