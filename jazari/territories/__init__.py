"""Regions and their reference data: the twelve of Morocco, or those of the network's own country.

Entry points: ``load``, ``load_for``, ``usable_for``, ``Territories`` (``find``, ``shape_of``), ``Region``, ``Shape``.
"""

from jazari.territories.regions import Map, Region, Shape, Territories, load, load_for, usable_for

__all__ = ["Map", "Region", "Shape", "Territories", "load", "load_for", "usable_for"]
