"""Reading people and their roles."""

from __future__ import annotations

from typing import Any

from jazari.accounts.models import Person
from jazari.accounts.rules import Role


def roles_of(person: Any) -> frozenset[Role]:
    """The roles that ``person`` holds here now; none for somebody who has not signed in."""
    if not isinstance(person, Person) or not person.is_active:
        return frozenset()
    return frozenset(Role(role) for role in person.grants.filter(ended__isnull=True).values_list("role", flat=True))


def shown_people() -> list[Person]:
    """Those of this node who agreed to be named on its institute's page, by name."""
    return list(Person.objects.filter(shown=True, is_active=True).exclude(name="").order_by("name", "id"))
