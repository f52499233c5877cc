"""Operating a deployed stack: ingest, quarantine, redrive, replay, logs, keys and restores."""
