"""Write the OpenAPI document and the Postman collection from the functions' code: `make openapi`."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from runner.local.environment import NO_AWS_SETTINGS
from runner.project import routes, samples, undeployed_variables
from runner.workspace import PROJECT_ROOT

COMMITTED = PROJECT_ROOT / "docs" / "openapi.json"
SERVED = PROJECT_ROOT / "functions" / "portal" / "openapi.json"
COLLECTION = PROJECT_ROOT / "docs" / "postman_collection.json"


def files() -> dict[Path, str]:
    """The text of each file, generated from the current code."""
    # Not at the top: these import the functions, which read their settings when they are imported.
    from runner.documents import openapi, postman  # noqa: PLC0415

    def text(document: dict[str, Any], **settings: Any) -> str:
        return json.dumps(document, ensure_ascii=False, **settings) + "\n"

    document = openapi.document(routes(), samples())
    return {
        COMMITTED: text(document, indent=2),
        SERVED: text(document, separators=(",", ":")),
        COLLECTION: text(postman.collection(document), indent=2),
    }


def run(_parsed: argparse.Namespace) -> None:
    """Write the files that have changed, and list them."""
    os.environ.update({**NO_AWS_SETTINGS, **undeployed_variables(), "TOKEN_PUBLIC_KEYS": '{"keys": []}'})
    if not SERVED.exists():
        SERVED.write_text("{}", encoding="utf-8")  # the function that serves it reads it when it is imported
    for path, text in files().items():
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        if changed:
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(PROJECT_ROOT)}: {'written' if changed else 'unchanged'}")
