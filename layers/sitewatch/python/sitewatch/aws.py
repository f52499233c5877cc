"""Clients of AWS services, created once per function instance and service."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import get_session


@cache
def client(service: str, *, attempts: int = 4, read_timeout: int = 5) -> Any:
    """The botocore client of ``service`` (for example ``"kinesis"``).

    ``read_timeout`` (seconds) is below every function's timeout, so that a service that hangs is an error that the
    function can report.
    """
    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return get_session().create_client(service, config=config)
