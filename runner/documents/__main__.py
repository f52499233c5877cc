"""``make openapi``: write the OpenAPI document and the Postman collection."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from runner.workspace import PROJECT_ROOT

COMMITTED = PROJECT_ROOT / "docs" / "openapi.json"
SERVED = PROJECT_ROOT / "functions" / "portal" / "openapi.json"
COLLECTION = PROJECT_ROOT / "docs" / "postman_collection.json"


def spelled(document: dict[str, Any]) -> str:
    """As it is committed, for people to read."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def spelled_short(document: dict[str, Any]) -> str:
    """As it is served."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def files() -> dict[Path, str]:
    """The text of each file, from the code as it is."""
    # Only now: the functions read their settings when they are imported.
    from runner.documents import openapi, postman  # noqa: PLC0415
    from tests.world.template import routes, samples  # noqa: PLC0415

    document = openapi.document(routes(), samples())
    return {
        COMMITTED: spelled(document),
        SERVED: spelled_short(document),
        COLLECTION: spelled(postman.collection(document)),
    }


def main() -> int:
    """Write what has changed, and say what."""
    # The functions' settings as the unit tests have them: from the template, of nothing deployed.
    from tests.world.environment import environment  # noqa: PLC0415

    os.environ.update({**environment(), "TOKEN_PUBLIC_KEYS": '{"keys": []}'})
    sys.path[:0] = [str(PROJECT_ROOT / "functions"), str(PROJECT_ROOT / "layers" / "sitewatch" / "python")]
    if not SERVED.exists():
        SERVED.write_text("{}", encoding="utf-8")  # the function that serves it reads it when it is imported
    for path, text in files().items():
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        if changed:
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(PROJECT_ROOT)}: {'written' if changed else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
