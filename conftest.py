"""What every test may use: fresh databases of both kinds (see ``jazari.testing.databases``)."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

# As in the processes of nodes: sums of tests are then the same bits as theirs. Before anything loads numpy.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

pytest_plugins = ["jazari.testing.databases", "jazari.testing.pages"]

# Machines are noisy: how long one example took says nothing about the code.
settings.register_profile("jazari", deadline=None)
settings.load_profile("jazari")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Tests that share what a module or package sets up run in one process, so that it is set up once.

    Those that take long come first, the largest groups of them before all: begun last, one would keep a run waiting.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (place := _shared_place(item)):
            item.add_marker(pytest.mark.xdist_group(place))
    yield
    sizes = Counter(map(_group, items))
    items.sort(key=lambda item: -sizes[_group(item)] if item.get_closest_marker("long") else 0)


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    return str(marker.args[0]) if marker else item.nodeid


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: tests wait much of their time for processes that they started."""
    return (os.cpu_count() or 1) + 1


def _shared_place(item: pytest.Item) -> str:
    """The module, or its folder, for which the test's widest shared fixture is made; nothing if it shares none."""
    known = getattr(item, "_fixtureinfo", None)
    scopes = {found[-1].scope for found in known.name2fixturedefs.values()} if known else set()
    if "package" in scopes:
        return str(item.path.parent)
    return str(item.path) if "module" in scopes else ""
