"""Governance: the audit trail of a node, append-only and hash-chained."""
