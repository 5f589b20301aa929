"""Pages of studies: thin views that read by ``queries`` and change by ``operations``."""
