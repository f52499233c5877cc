"""From signals to incidents. Not a domain: it joins sources, rules and incidents.

``on_table_signal`` consumes the streams of the tables that signals come from, ``on_schedule_tick`` finds what is due,
and ``on_queue_timer`` does it.
"""

import sitewatch  # noqa: F401 - first: it tunes the imports that follow
