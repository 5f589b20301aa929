"""How many institutes a secure total needs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from jazari.studies.errors import AlteredSet, TooFewInstitutes

FEWEST = 3
"""With two institutes each learns the other's sums by subtracting its own, whatever the Root sees."""


MOST_INSTITUTES = 1000
"""Of a study. Counts are at most 2**53, and ``fixed_point`` refuses what could wrap over so many."""


def threshold(institutes: int) -> int:
    """How many shares find a secret: more than two thirds of the institutes that began the run.

    Above two thirds, a Root that colludes with fewer than a third of the institutes cannot collect both secrets
    of one institute: no honest one gives a share of each (Bonawitz et al., 2017, theorem 6.5).
    """
    return 2 * institutes // 3 + 1


def fewest(institutes: int, minimum: int) -> int:
    """How many institutes each step needs: the threshold, and what the study asks for at least.

    Raises ``TooFewInstitutes`` for a run that could not be secure.
    """
    if institutes < FEWEST:
        raise TooFewInstitutes(
            f"Secure aggregation needs {FEWEST} institutes and {institutes} take part: wait for more approvals, "
            "or propose the study without it."
        )
    return max(threshold(institutes), minimum)


def check_subset(chosen: Sequence[str], among: Collection[str], own: str, needed: int) -> None:
    """Raise unless ``chosen`` are enough of ``among``, sorted, each once, with this institute.

    ``AlteredSet`` or ``TooFewInstitutes``.
    """
    if list(chosen) != sorted(set(chosen)) or not set(chosen) <= set(among) or own not in chosen:
        raise AlteredSet("The Root names institutes that cannot be in this step: nothing was sent, tell the board.")
    if len(chosen) < needed:
        raise TooFewInstitutes(f"{len(chosen)} institutes are left and {needed} are needed: the round ends here.")
