"""Notebooks run for a business."""
