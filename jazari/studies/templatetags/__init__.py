"""Template filters of the pages of studies."""
