"""Engines beside the emulator: sam local and LocalStack."""
