"""Composition: what a Root or an institute runs, and the ``jazari`` command that starts it all."""
