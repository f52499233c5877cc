"""Alerts: suspicious detections in the order they became known, and the stream that clients read."""
