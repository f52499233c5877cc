"""Data points: what an instrument outside measures, fetched every minute, kept once and listed."""
