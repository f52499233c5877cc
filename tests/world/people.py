"""Accounts: sign up, log in, and change them as an operator can."""

from typing import Any

import bcrypt

from accounts import administration
from accounts.model import UserRecord
from accounts.users import by_username
from sitewatch.audit import OPERATOR
from sitewatch.callers import Role
from tests.world.calling import Answer, call

ALICE = {"username": "Alice", "password": "wonderland"}


def sign_up(username: str = "Alice", password: str = "wonderland", **more: str) -> dict[str, Any]:
    """Sign up a user, and return what the API returns."""
    answer = call("POST", "/users", body={"username": username, "password": password, **more})
    assert answer.status == 201
    user: dict[str, Any] = answer.json
    return user


def log_in(username: str = "Alice", password: str = "wonderland") -> dict[str, Any]:
    """Log in, and return the tokens."""
    answer = call("POST", "/auth/login", form={"username": username, "password": password})
    assert answer.status == 200
    tokens: dict[str, Any] = answer.json
    return tokens


def refresh(token: str) -> Answer:
    return call("POST", "/auth/refresh", body={"refresh_token": token})


def stored(username: str = "Alice") -> UserRecord:
    """The stored user."""
    user = by_username(username)
    assert user is not None
    return user


def change(username: str = "Alice", *, role: Role | None = None, disabled: bool | None = None) -> None:
    """Change a user, as an administrator can."""
    fields = {"role": role and role.value, "disabled": disabled}
    administration.change(
        stored(username).id, {name: value for name, value in fields.items() if value is not None}, OPERATOR
    )


def carry_over(password_hash: str, username: str = "Alice") -> None:
    """Give a user the password hash from an older system."""
    user = stored(username)
    user.password_hash = password_hash
    user.save()


def bcrypt_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
