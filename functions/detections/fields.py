"""Types of the fields that clients and cameras give. They need no settings, so that the runner can use them too."""

from typing import Annotated

from pydantic import StringConstraints

# No control characters, and neither of the two characters that SNS and SQS refuse.
_PLAIN = r"^[^\x00-\x1f\x7f\ufffe\uffff]+$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PLAIN)]
DetectionId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PLAIN)]
