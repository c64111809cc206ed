"""Who leaves: labels, models, and whether they can be believed."""
