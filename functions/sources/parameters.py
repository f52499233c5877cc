"""Parameters that several endpoints share."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from sources.model import SourceKind

KindInPath = Annotated[SourceKind, Path()]
NameInPath = Annotated[
    str, Path(max_length=1024, description="The source's name.", json_schema_extra={"format": "name"})
]
