"""Passwords: how they are hashed and checked."""

import time

import bcrypt
import pytest
from argon2 import PasswordHasher, extract_parameters

from accounts import passwords


@pytest.fixture(autouse=True)
def world() -> None:
    """No table is needed here."""


def test_a_password_is_hashed_with_argon2id_and_its_own_salt() -> None:
    one, other = passwords.hash_password("wonderland"), passwords.hash_password("wonderland")

    assert one.startswith("$argon2id$")
    assert one != other
    assert passwords.verify(one, "wonderland")
    assert not passwords.verify(one, "Wonderland")
    assert not passwords.needs_rehash(one)


def test_the_parameters_are_at_least_those_that_owasp_recommends() -> None:
    parameters = extract_parameters(passwords.hash_password("wonderland"))
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) >= (19 * 1024, 2, 1)


def test_no_ones_hash_has_todays_parameters() -> None:
    # Else an unknown user could be told by the time. To make it anew:
    #   python -c 'from sitewatch import passwords; print(passwords.hash_password("anything random"))'
    assert not passwords.needs_rehash(passwords.NOBODY), "passwords.NOBODY has to be made anew"


def test_no_one_has_any_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not passwords.verify(None, "wonderland")

    # Not even the one that no one's hash was made of.
    monkeypatch.setattr(passwords, "NOBODY", passwords.hash_password("wonderland"))
    assert not passwords.verify(None, "wonderland")


def test_no_one_takes_as_long_as_someone() -> None:
    someone = passwords.hash_password("wonderland")

    def took(password_hash: str | None) -> float:
        started = time.process_time()
        passwords.verify(password_hash, "wrong")
        return time.process_time() - started

    # A tenth is far from an equal time and further from none at all.
    assert min(took(None) for _ in range(3)) > min(took(someone) for _ in range(3)) / 10


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
@pytest.mark.parametrize("password", ["wonderland", "päss", "a\0b", "w" * 72, "w" * 128, "ä" * 40])
def test_a_bcrypt_hash_that_was_carried_over_verifies(prefix: bytes, password: str) -> None:
    carried = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix)).decode()

    assert passwords.verify(carried, password)
    assert not passwords.verify(carried, "x" + password)
    assert passwords.needs_rehash(carried)


def test_a_bcrypt_hash_of_the_php_kind_verifies() -> None:
    carried = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$", 1)
    assert passwords.verify(carried, "wonderland")
    assert passwords.needs_rehash(carried)


def test_a_hash_of_weaker_parameters_verifies_and_has_to_be_made_anew() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("wonderland")
    assert passwords.verify(weak, "wonderland")
    assert passwords.needs_rehash(weak)


@pytest.mark.parametrize("stored", ["", "wonderland", "5f4dcc3b5aa765d61d8327deb882cf99"])
def test_what_is_no_hash_is_nobodys_password(stored: str) -> None:
    assert not passwords.verify(stored, stored)
