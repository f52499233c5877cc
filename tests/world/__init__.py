"""The world that tests run in: AWS on moto, faults, kills, and the pipeline between the functions."""
