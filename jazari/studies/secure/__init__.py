"""Secure aggregation: the Root learns the total of a round over the institutes that finished it, and no part of it.

The protocol of Bonawitz et al., Practical Secure Aggregation for Privacy-Preserving Machine Learning (CCS 2017),
in its variant against a malicious server; see ``docs/adr/0007-secure-aggregation.md``.
"""
