"""Sectors: the thirteen data themes of the European Union's vocabulary, which DCAT-AP catalogues share.

Source: https://publications.europa.eu/resource/authority/data-theme (the code ``OP_DATPRO`` left out).
"""

from __future__ import annotations

from typing import Literal, get_args

Sector = Literal[
    "AGRI", "ECON", "EDUC", "ENER", "ENVI", "GOVE", "HEAL", "INTR", "JUST", "REGI", "SOCI", "TECH", "TRAN"
]  # fmt: skip
SECTORS: tuple[Sector, ...] = get_args(Sector)
MEANING = (
    "`AGRI` agriculture, fisheries, forestry, food; `ECON` economy and finance; `EDUC` education, culture, sport; "
    "`ENER` energy; `ENVI` environment; `GOVE` government; `HEAL` health; `INTR` international issues; `JUST` justice, "
    "safety; `REGI` regions and cities; `SOCI` population and society; `TECH` science and technology; `TRAN` transport."
)
