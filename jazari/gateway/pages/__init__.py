"""The gateway's pages, by subject. Thin: they read by queries, change by operations, and render."""
