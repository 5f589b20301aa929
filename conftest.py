"""What every test may use: fresh databases of both kinds (see ``jazari.testing.databases``)."""

pytest_plugins = ["jazari.testing.databases"]
