"""An institute's own data: declared by a schema, read from CSV or Parquet into numpy columns."""
