"""Sign up once, however often the request is repeated."""

from typing import Any

from accounts import credentials, guessing, passwords
from accounts.model import NewUser, UserRecord, UserView
from accounts.users import by_id
from sitewatch.api import Api
from sitewatch.attempts import first_attempt
from sitewatch.directory import claim_key
from sitewatch.errors import invalid_field
from sitewatch.idempotency import HEADER, once


def sign_up(app: Api, new: NewUser) -> UserView:
    """Create the user, or return the one that an earlier request with the same ``Idempotency-Key`` created.

    Raises
    ------
    ApiError
        409 if the username is taken; 400 if the earlier request had another body or password.

    """
    created: list[UserRecord] = []

    def create() -> dict[str, Any]:
        created.append(credentials.create(new, app.origin, user_id=first_attempt(app).id))
        return UserView.of(created[0]).model_dump(mode="json")

    user = UserView(**once(app, create))
    if not created:
        _confirm(user.id, new, address=app.address)
    return user


def _confirm(user_id: str, new: NewUser, *, address: str) -> None:
    """Check that a repeated sign-up has the password of the user that the first one created.

    ``Idempotency-Key`` compares all of a body but its password, which no table may hold in any other form than a hash
    for passwords.

    Raises
    ------
    ApiError
        400 if it is another password; 429 after too many of them.

    """
    user = by_id(user_id)
    is_same = user and guessing.check(
        claim_key(new.username), address, lambda: passwords.verify(user.password_hash, new.password) or None
    )
    if not is_same:
        raise invalid_field(HEADER, "this key was already used with a different body")
