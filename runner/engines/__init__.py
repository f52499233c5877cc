"""Other engines than the emulator: sam local and LocalStack."""
