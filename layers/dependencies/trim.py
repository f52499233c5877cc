"""Leave out of an installed layer what no function reads, and byte-compile the rest.

Run by the Makefile beside it: ``python trim.py <site directory> --runtime python3.13|host``.
Every function's cold start unpacks the whole layer, so each megabyte here is paid for by each of them.
"""

import argparse
import compileall
import json
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

BOTO_SERVICES = frozenset(
    ["cloudwatch", "dynamodb", "events", "kinesis", "lambda", "s3", "secretsmanager", "sns", "sqs", "sts"]
)
"""The service models that stay: what the functions call, and `sts`, which the client's credential chain names."""

ENDPOINT_PREFIXES = frozenset({"monitoring", "streams.dynamodb"})
"""Endpoint names that differ from their service model's: CloudWatch's, and the one of DynamoDB's streams."""

UNREAD_PACKAGES = (
    # Only a C extension's build imports these two; its compiled part, _cffi_backend, stays.
    "cffi",
    "pycparser",
    "boto3/examples",
    # The time zones of a machine that has none of its own.
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
    *(
        f"aws_lambda_powertools/utilities/{name}"
        for name in ("auth_alpha", "circuit_breaker", "data_masking", "feature_flags", "kafka", "streaming")
    ),
)

READ_METADATA = frozenset({"python_ulid", "pydantic"})
"""Distributions whose own code asks importlib.metadata for them."""

UNREAD_FOLDERS = frozenset({"__pycache__", "bin", "tests", "test", "include"})
UNREAD_SUFFIXES = frozenset({".pyi", ".h", ".c", ".pyx", ".md", ".rst"})


def unread(site: Path) -> Iterator[Path]:
    """The files and folders below `site` that no import and no call of ours reads."""
    for info in site.glob("*.dist-info"):
        if info.name.split("-")[0] not in READ_METADATA:
            yield info
        else:
            yield from (part for part in info.iterdir() if part.name != "METADATA")
    yield from (site / package for package in UNREAD_PACKAGES)
    for service in (*site.glob("botocore/data/*/"), *site.glob("boto3/data/*/")):
        if service.name not in BOTO_SERVICES:
            yield service
        else:
            # Several versions of one API: a client takes the newest.
            yield from sorted(service.iterdir())[:-1]
    yield from site.glob("botocore/data/*/*/examples-1.json*")
    for path in site.rglob("*"):
        if (path.is_dir() and path.name in UNREAD_FOLDERS) or (path.is_file() and path.suffix in UNREAD_SUFFIXES):
            yield path


def keep_endpoints_of(services: frozenset[str], endpoints: Path) -> None:
    """Leave only these services in botocore's table of endpoints, which every new client's session parses whole."""
    table = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in table["partitions"]:
        # The table names services by their host's first label.
        partition["services"] = {
            name: where
            for name, where in partition["services"].items()
            if name in services or name in ENDPOINT_PREFIXES
        }
    endpoints.write_text(json.dumps(table, separators=(",", ":")), encoding="utf-8")


def remove(path: Path) -> None:
    """Delete a file or a folder; one that went with its parent is no error."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def trim(site: Path) -> None:
    """Delete all that is `unread` below `site`."""
    for path in list(unread(site)):
        remove(path)
    endpoints = site / "botocore" / "data" / "endpoints.json"
    if endpoints.is_file():
        keep_endpoints_of(BOTO_SERVICES, endpoints)


def byte_compile(site: Path) -> bool:
    """Put compiled modules in the place of their sources below `site`; whether all of them compiled.

    Without the sources the layer has half the files, and there is nothing that a `.pyc` could be found older than: an
    unpacked archive has times of its own, and modules that are checked by time are compiled anew in every cold start.
    """
    compiled = compileall.compile_dir(
        site,
        quiet=1,
        legacy=True,  # module.pyc beside module.py: the only place where it is found without its source
        stripdir=str(site),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if compiled:
        for source in site.rglob("*.py"):
            source.unlink()
    return bool(compiled)


def main() -> int:
    """Trim the layer and compile it where this interpreter is the one that will run it."""
    parser = argparse.ArgumentParser(description="Trim and byte-compile a layer.")
    parser.add_argument("site", type=Path)
    parser.add_argument("--runtime", required=True, help="python3.x, or host")
    arguments = parser.parse_args()
    trim(arguments.site)
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if arguments.runtime in ("host", here):
        return 0 if byte_compile(arguments.site) else 1
    print(f"Not byte-compiled: this is {here}, and the functions run {arguments.runtime}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
