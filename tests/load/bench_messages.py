"""How long a message takes from POST /messages to its notification.

``make bench-messages`` prints a table. It starts its own system and polls GET /notifications without pause, as a client
could: first with one message at a time, then with concurrent clients.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.local.system import running_stack
from runner.stack import Stack
from tests.integration.client import Client

_DEADLINE_SECONDS = 300.0


def post(client: Client, recipient: str) -> str:
    """Send a text. Return the job's id."""
    content = {"type": "text", "text": "The north gate is open."}
    answer = client.post("/messages", json={"sender_id": client.user_id, "recipient_id": recipient, "content": content})
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def newest_jobs(client: Client, limit: int = 5) -> set[str]:
    """Return the job ids of the newest notifications."""
    answer = client.get("/notifications", params={"limit": limit})
    answer.raise_for_status()
    return {each["job_id"] for each in answer.json()["notifications"]}


def latency(client: Client) -> float:
    """Return the seconds from a message's POST to a response with its notification."""
    began = time.monotonic()
    job_id = post(client, client.user_id)
    while job_id not in newest_jobs(client):
        if time.monotonic() - began > _DEADLINE_SECONDS:
            raise SystemExit("a notification did not come")
    return time.monotonic() - began


def throughput(clients: Sequence[Client], each: int) -> float:
    """Return messages per second, from the first POST of the concurrent clients to the last notification."""

    def run(client: Client) -> None:
        wanted = {post(client, client.user_id) for _ in range(each)}
        while not wanted <= newest_jobs(client, each):
            if time.monotonic() - began > _DEADLINE_SECONDS:
                raise SystemExit("not all notifications came")
            time.sleep(0.1)

    began = time.monotonic()
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(run, clients))
    return len(clients) * each / (time.monotonic() - began)


def logged_in(stack: Stack) -> Client:
    """Return a client that is logged in as a new user."""
    client = Client(stack.base_url)
    client.sign_up()
    return client


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100, help="messages to time (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=10, help="concurrent clients (default: %(default)s)")
    parser.add_argument("--each", type=int, default=50, help="messages per client (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        clients = [logged_in(stack) for _ in range(options.clients)]
        for _ in range(3):  # warm up every function
            latency(clients[0])
        waits = sorted(latency(clients[0]) for _ in range(options.messages))
        throughput(clients, 2)
        rate = throughput(clients, options.each)
    table = Table("what", "result", title="Messages on the local emulator")
    table.add_row(f"POST /messages to its notification, p50 of {len(waits)}", f"{statistics.median(waits):.3f} s")
    table.add_row("p99", f"{waits[min(len(waits) - 1, int(len(waits) * 0.99))]:.3f} s")
    table.add_row("slowest", f"{waits[-1]:.3f} s")
    table.add_row(f"{options.clients} clients, {options.each} messages each, all notified", f"{rate:.0f} a second")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
