"""How long a signal takes to become an incident, and what live rules cost the pipeline of detections.

``make bench-incidents`` prints a table. It starts its own system; runs with and without 20 live rules alternate.
"""

import argparse
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runner.local.system import running_stack
from tests.integration.client import Client, eventually
from tests.load.bench_pipeline import AlertReader, throughput

_EFFECT_SECONDS = 11.0
"""A change of a rule has an effect within ten seconds."""

_MATCHES: list[dict[str, Any]] = [
    {"suspicious": [True]},
    {"category": [{"equals-ignore-case": "van"}], "year": [{"numeric": [">=", 2015]}]},
    {"make": [{"prefix": "A"}]},
    {"$or": [{"make": ["Acura"]}, {"model": [{"suffix": "X"}]}]},
]


def make_rules(client: Client, number: int) -> list[str]:
    """Create so many live rules about detections; return their ids."""
    ids = []
    for index in range(number):
        rule = {"name": f"rule {index}", "on": "detection", "match": _MATCHES[index % len(_MATCHES)]}
        answer = client.post("/rules", json=rule)
        answer.raise_for_status()
        ids.append(answer.json()["id"])
    return ids


def switch(client: Client, rule_ids: list[str], mode: str) -> None:
    """Set the mode of the rules, and wait until it has an effect."""
    for rule_id in rule_ids:
        rule = client.get(f"/rules/{rule_id}").json()
        for name in ("id", "version", "created_at", "updated_at"):
            del rule[name]
        client.put(f"/rules/{rule_id}", json=rule | {"mode": mode}).raise_for_status()
    time.sleep(_EFFECT_SECONDS)


def latencies(client: Client, number: int) -> list[float]:
    """The seconds from sending an event until its incident is listed, sorted."""
    kind = uuid.uuid4().hex
    client.post("/rules", json={"name": kind, "on": "event", "match": {"event_type": [kind]}}).raise_for_status()
    time.sleep(_EFFECT_SECONDS)
    found = []
    for _ in range(number):
        source = uuid.uuid4().hex
        began = time.monotonic()
        event = {"event_type": kind, "event_payload": "x", "source": source}
        client.post("/api/event", json=event).raise_for_status()
        eventually(lambda name=source: client.get("/incidents", params={"source": name}).json()["incidents"])  # type: ignore[misc]
        found.append(time.monotonic() - began)
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rules", type=int, default=20)
    parser.add_argument("--events", type=int, default=50)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder)) as stack,
        Client(stack.base_url) as client,
    ):
        client.log_in("admin", stack.users["admin"])
        waits = latencies(client, options.events)
        reader = AlertReader(stack.base_url, str(client.headers["Authorization"]).removeprefix("Bearer "))
        rule_ids = make_rules(client, options.rules)
        throughput(stack, client, reader, 500)  # warm up every function
        pairs = []
        for _ in range(options.runs):
            rates = []
            for mode in ("off", "live"):
                switch(client, rule_ids, mode)
                rates.append(throughput(stack, client, reader, options.records))
            pairs.append(rates)
        reader.close()
    table = Table("what", "result", title="Incidents on the local emulator")
    table.add_row(f"an event to its incident, p50 of {len(waits)}", f"{statistics.median(waits):.2f} s")
    table.add_row("slowest", f"{waits[-1]:.2f} s")
    for name, each in (("no live rule", 0), (f"{options.rules} live rules", 1)):
        runs = ", ".join(f"{rates[each]:.0f}" for rates in pairs)
        table.add_row(f"{options.records} records, {name}", f"{runs} a second")
    ratio = statistics.median(live / off for off, live in pairs)
    table.add_row("live compared with none, median of the pairs", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
