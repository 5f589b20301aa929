"""Vetted algorithms, each written as local sums and an update. ``registry`` lists them."""
