"""Remove from an installed layer what no function reads, and byte-compile the rest.

The Makefile in this folder runs it: ``python trim.py <site directory> --runtime python3.13|host``.
Every function's cold start unpacks the whole layer, so each megabyte costs time in all of them.
"""

import argparse
import compileall
import gzip
import json
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BOTO_SERVICES = frozenset(
    ["cloudwatch", "dynamodb", "events", "kinesis", "lambda", "s3", "secretsmanager", "sns", "sqs", "sts"]
)
"""Services whose models are kept: those that functions call, and `sts` for the client's credential chain."""

ENDPOINT_PREFIXES = frozenset({"monitoring", "streams.dynamodb"})
"""Endpoint names that differ from the name of the service model: CloudWatch's, and that of DynamoDB's streams."""

UNREAD_PACKAGES = (
    # Only the build of a C extension imports these two; the compiled part, _cffi_backend, is kept.
    "cffi",
    "pycparser",
    "boto3/examples",
    # Time zones for machines without their own.
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
    *(
        f"aws_lambda_powertools/utilities/{name}"
        for name in ("auth_alpha", "circuit_breaker", "data_masking", "feature_flags", "kafka", "streaming")
    ),
)

READ_METADATA = frozenset({"python_ulid", "pydantic"})
"""Distributions whose code reads their own metadata with importlib.metadata."""

UNREAD_FOLDERS = frozenset({"__pycache__", "bin", "tests", "test", "include"})
UNREAD_SUFFIXES = frozenset({".pyi", ".h", ".c", ".pyx", ".md", ".rst"})


def unread(site: Path) -> Iterator[Path]:
    """Yield the files and folders below `site` that no function reads."""
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
            # Of several versions of an API, clients use the newest.
            yield from sorted(service.iterdir())[:-1]
    yield from site.glob("botocore/data/*/*/examples-1.json*")
    for path in site.rglob("*"):
        if (path.is_dir() and path.name in UNREAD_FOLDERS) or (path.is_file() and path.suffix in UNREAD_SUFFIXES):
            yield path


def keep_endpoints_of(services: frozenset[str], endpoints: Path) -> None:
    """Keep only these services in botocore's table of endpoints, which every new session parses completely."""
    table = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in table["partitions"]:
        # The table's names are the first labels of the services' hosts.
        partition["services"] = {
            name: where
            for name, where in partition["services"].items()
            if name in services or name in ENDPOINT_PREFIXES
        }
    endpoints.write_text(json.dumps(table, separators=(",", ":")), encoding="utf-8")


def without_documentation(value: Any) -> Any:
    """A part of a service's model without its texts: of DynamoDB's, a fifth is left for new clients to parse."""
    if isinstance(value, list):
        return [without_documentation(each) for each in value]
    if not isinstance(value, dict):
        return value
    # A shape may have a member of that name, which is no text.
    return {
        name: without_documentation(each)
        for name, each in value.items()
        if name != "documentation" or not isinstance(each, str)
    }


def shorten(model: Path) -> None:
    """Remove the documentation of a service's shapes and operations from its packed model.

    botocore needs that of the client's parameters, which a few services have.
    """
    content = json.loads(gzip.decompress(model.read_bytes()))
    content |= {part: without_documentation(content[part]) for part in ("shapes", "operations")}
    model.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))


def remove(path: Path) -> None:
    """Delete a file or a folder. It may be gone already, with its parent."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def trim(site: Path) -> None:
    """Delete everything `unread` below `site`."""
    for path in list(unread(site)):
        remove(path)
    for model in site.glob("botocore/data/*/*/service-2.json.gz"):
        shorten(model)
    endpoints = site / "botocore" / "data" / "endpoints.json"
    if endpoints.is_file():
        keep_endpoints_of(BOTO_SERVICES, endpoints)


def byte_compile(site: Path) -> bool:
    """Replace the modules below `site` with compiled ones. Return whether all of them compiled.

    Without the sources the layer has half the files, and no `.pyc` can be outdated. Unpacking an archive changes the
    files' times, so modules that are checked by time would be compiled again in every cold start.
    """
    compiled = compileall.compile_dir(
        site,
        quiet=1,
        legacy=True,  # module.pyc beside module.py, where Python finds it without its source
        stripdir=str(site),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if compiled:
        for source in site.rglob("*.py"):
            source.unlink()
    return bool(compiled)


def main() -> int:
    """Trim the layer, and compile it if this interpreter is the one that will run it."""
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
