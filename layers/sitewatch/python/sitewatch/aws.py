"""Clients of AWS services, created once per function instance and service.

Modules that call a service at every invocation create its client at import: Lambda gives an import more processor
time than a request.
"""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.session import Session, get_session

_AS_THEY_ARE = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
"""The types of DynamoDB whose values are the same in a response and in Python."""


class _ItemParser(JSONParser):
    """Returns DynamoDB's items as they arrive, unless they have binary, lists or maps in them.

    botocore copies each value after it has looked for all ten types in it: half of a list's processor time.
    """

    def _handle_map(self, shape: Any, value: Any) -> Any:
        if shape.value.name == "AttributeValue" and all(_AS_THEY_ARE.issuperset(each) for each in value.values()):
            return value
        return super()._handle_map(shape, value)  # type: ignore[misc]  # the stubs leave it out


class _ParserFactory(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> ResponseParser:
        return _ItemParser() if protocol_name == "json" else super().create_parser(protocol_name)


@cache
def _session() -> Session:
    """The session of all clients: each new one would parse the endpoints and look for credentials again."""
    session = get_session()
    session.register_component("response_parser_factory", _ParserFactory())
    return session


@cache
def client(service: str, *, attempts: int = 4, read_timeout: int = 5, validates: bool = True) -> Any:
    """The botocore client of ``service`` (for example ``"kinesis"``).

    ``read_timeout`` (seconds) is below every function's timeout, so that a service that hangs is an error that the
    function can report. ``validates``: whether it checks the parameters of calls.
    """
    config = Config(
        connect_timeout=2,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=validates,
        user_agent="sitewatch",  # botocore would assemble one for each call: a quarter of a small call's time
    )
    return _session().create_client(service, config=config)
