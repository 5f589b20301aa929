"""Regions and their reference data: the twelve of Morocco, or those of the network's own country.

Entry points: ``load``, ``Territories.find``, ``Region``.
"""

from jazari.territories.regions import Region, Territories, load

__all__ = ["Region", "Territories", "load"]
