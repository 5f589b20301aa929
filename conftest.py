"""What every test may use: fresh databases of both kinds (see ``jazari.testing.databases``)."""

import pytest
from hypothesis import settings

pytest_plugins = ["jazari.testing.databases", "jazari.testing.pages"]

# Machines are noisy: how long one example took says nothing about the code.
settings.register_profile("jazari", deadline=None)
settings.load_profile("jazari")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what a module or package sets up run in one process, so that it is set up once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (place := _shared_place(item)):
            item.add_marker(pytest.mark.xdist_group(place))


def _shared_place(item: pytest.Item) -> str:
    """The module, or its folder, for which the test's widest shared fixture is made; nothing if it shares none."""
    known = getattr(item, "_fixtureinfo", None)
    scopes = {found[-1].scope for found in known.name2fixturedefs.values()} if known else set()
    if "package" in scopes:
        return str(item.path.parent)
    return str(item.path) if "module" in scopes else ""
