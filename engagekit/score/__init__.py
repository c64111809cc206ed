"""The engagement score: what it is made of, and whether it predicts."""
