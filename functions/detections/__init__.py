"""Detections: vehicles that cameras report, indexed, counted and, where suspicious, published."""
