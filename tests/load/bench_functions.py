"""``make bench-functions``: how long every function takes from a fresh process to its import and its first answer.

Each measurement is the processor time of a fresh process with byte-compiled code that sees its layers and nothing else,
as on Lambda. It is compared with a plain ``GET /detections`` (``tests/load/peers/plain.py``: boto3, PyJWT and
``json.dumps``, as pip installs them) measured just before and after it, because the machine's speed varies. Endpoints
answer their sample of ``events/``, from an administrator, with AWS on moto and what the sample needs stored there.
"""

import argparse
import io
import logging
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from accounts import passwords
from tests.load.bench_peers import request as list_detections
from tests.load.fresh import (
    LAYER_LOCK,
    PEERS_LOCK,
    Compared,
    Function,
    Run,
    build_functions,
    compare,
    installed,
)
from tests.load.standin import on_moto
from tests.world import aws, instance, samples

BARE, BARE_ON_OUR_LAYER, PLAIN_ON_OUR_LAYER = "bare botocore", "the same on our layer", "plain on our layer"


def sample_request(sample: str) -> Mapping[str, Any]:
    """The sample of an endpoint, in a world that is empty apart from what it needs."""
    aws.reset(everything=True)
    instance.forget()
    with redirect_stdout(io.StringIO()):  # metrics
        return samples.request(sample)


def password_milliseconds() -> float:
    """The processor time of checking a password, which by design takes as long for every kind of hash and account."""
    before = time.process_time()
    passwords.verify(None, "wonderland")
    return (time.process_time() - before) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes per function (default: %(default)s)")
    rounds = parser.parse_args().rounds
    logging.disable()
    with tempfile.TemporaryDirectory() as folder, on_moto() as url:
        code, _, layer = path = build_functions(Path(folder))
        plain, bare = "tests.load.peers.plain", "tests.load.peers.bare"
        functions = {
            BARE: Function(bare, (code, installed(LAYER_LOCK))),
            BARE_ON_OUR_LAYER: Function(bare, (code, layer)),
            PLAIN_ON_OUR_LAYER: Function(plain, (code, layer), list_detections),
        }
        for sample, properties in samples.FUNCTIONS.items():
            module = properties["Handler"].rpartition(".")[0]
            functions[module] = Function(
                module, path, partial(sample_request, sample) if sample in samples.APIS else None
            )
        baseline = Function(plain, (code, installed(PEERS_LOCK)), list_detections)
        show(*compare(baseline, functions, url, rounds=rounds))


def show(plain: Run, functions: Mapping[str, Compared]) -> None:
    """Print the table."""
    columns = ("function", "import ms", "to plain", "to bare", "on our layer", "first answer ms", "to plain", "status")
    table = Table(*columns, title="Import and first answer, in processor time")
    table.add_row("plain", f"{plain.imported:.0f}", "", "", "", f"{plain.first:.0f}")
    for name, each in functions.items():
        own, ratio = each.own, each.ratio
        bares = (f"{functions[bare].ratio.imported / ratio.imported:.2f}" for bare in (BARE, BARE_ON_OUR_LAYER))
        first = [f"{own.first:.0f}", f"{1 / ratio.first:.2f}", f"{own.answer['statusCode']}"] if own.answer else []
        table.add_row(name, f"{own.imported:.0f}", f"{1 / ratio.imported:.2f}", *bares, *first)
    Console(width=120).print(table, f"Checking a password is {password_milliseconds():.0f} ms of a first answer.")


if __name__ == "__main__":
    main()
