"""One number over many rows."""
