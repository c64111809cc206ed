"""From a business's own exports to clean tables."""
