"""Parameters that several endpoints share."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

IncidentIdInPath = Annotated[str, Path(max_length=64)]
