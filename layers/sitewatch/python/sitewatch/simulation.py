"""The clock of the simulators: what they simulate repeats every ten minutes.

Each example rule then opens an incident and closes it once in that time, and the list of incidents stays readable.
"""

from datetime import datetime

CYCLE_SECONDS = 600


def second_of_cycle(time: datetime) -> int:
    """The second (0 to 599) of the ten minutes that ``time`` is in."""
    return int(time.timestamp()) % CYCLE_SECONDS
