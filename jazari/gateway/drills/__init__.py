"""Drills: a provider is cut off on purpose, for a while, and what that does is measured, signed and published."""
