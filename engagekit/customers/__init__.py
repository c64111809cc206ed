"""One row per customer."""
