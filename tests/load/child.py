"""``python -m tests.load.child MODULE EVENT CALLS``: what a function takes in this process, in milliseconds.

The last line that it prints has the processor time from the start of the process to the end of the import, that to the
first answer, the median of the calls after it, and the last answer. ``EVENT`` is a file. If it holds ``null``, nothing
is called.
"""

import sys
import time
from importlib import import_module

module, event_file, calls = sys.argv[1:]
imported_module = import_module(module)
imported = time.process_time()


class Context:
    """The parts of Lambda's context that functions read."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id = "1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10_000


import json  # noqa: E402 - the function's import comes first
from pathlib import Path  # noqa: E402

event = json.loads(Path(event_file).read_bytes())
seconds, answer = [], None
for _ in range(0 if event is None else 1 + int(calls)):
    before = time.process_time()
    answer = imported_module.handler(event, Context())
    seconds.append(time.process_time() - before)
first, warm = imported + sum(seconds[:1]), sorted(seconds[1:])
times = {"imported": imported, "first": first, "warm": warm[len(warm) // 2] if warm else 0}
print()  # noqa: T201 - after the function's log
print(json.dumps({name: 1000 * seconds for name, seconds in times.items()} | {"answer": answer}))  # noqa: T201
