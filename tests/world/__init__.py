"""What the tests run in: AWS on moto, calls that fail, killed functions, and the engine between the functions."""
