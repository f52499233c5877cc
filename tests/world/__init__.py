"""The world of the tests: AWS on moto, failing calls, killed functions, and the event sources between functions."""
