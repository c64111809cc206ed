"""Businesses made from a seed, whose truth is known."""
