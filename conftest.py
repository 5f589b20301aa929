"""What every test may use: fresh databases of both kinds (see ``jazari.testing.databases``)."""

from hypothesis import settings

pytest_plugins = ["jazari.testing.databases"]

# Machines are noisy: how long one example took says nothing about the code.
settings.register_profile("jazari", deadline=None)
settings.load_profile("jazari")
