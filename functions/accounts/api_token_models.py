"""API models of API tokens."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from sitewatch.api_tokens import ApiTokenRecord
from sitewatch.callers import ALL_SCOPES, Scope
from sitewatch.clock import Timestamp
from sitewatch.models import BaseModel
from sitewatch.names import SourceName


class NewApiToken(BaseModel):
    """The machine's name, the token's lifetime, what it may send, and the one source it may speak for."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    expires_in_days: Annotated[int, Field(ge=1, le=3650, strict=True)] = 365
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] = sorted(Scope)
    source: SourceName | None = None


class ApiTokenView(BaseModel):
    """An API token, without the token text."""

    id: str
    name: str
    scopes: list[Scope]
    source: str | None
    expires_at: Timestamp

    @classmethod
    def of(cls, token: ApiTokenRecord) -> Self:
        known = {name: getattr(token, name) for name in cls.model_fields if name != "scopes"}
        return cls(scopes=sorted(map(Scope, token.scopes or ALL_SCOPES)), **known)


class IssuedApiToken(ApiTokenView):
    """The new token. No other response ever contains its text."""

    api_token: str


class ListedApiToken(ApiTokenView):
    """A token in a list. ``last_used_at`` is stored at most once an hour."""

    created_by: str
    created_at: Timestamp
    last_used_at: Timestamp | None
