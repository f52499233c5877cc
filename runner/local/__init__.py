"""The local system: its environment, the build, the emulator, and bringing all of it up and down."""
