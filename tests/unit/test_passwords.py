"""Hashing and verifying passwords."""

import time

import bcrypt
import pytest
from argon2 import PasswordHasher, extract_parameters

from accounts import passwords


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def test_passwords_are_hashed_with_argon2id_and_their_own_salt() -> None:
    one, other = passwords.hash_password("wonderland"), passwords.hash_password("wonderland")

    assert one.startswith("$argon2id$")
    assert one != other
    assert passwords.verify(one, "wonderland")
    assert not passwords.verify(one, "Wonderland")
    assert not passwords.needs_rehash(one)


def test_hash_parameters_meet_owasp_recommendations() -> None:
    parameters = extract_parameters(passwords.hash_password("wonderland"))
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) >= (19 * 1024, 2, 1)


def test_the_dummy_hash_uses_the_current_parameters() -> None:
    # Otherwise response times would reveal which users exist. To regenerate it:
    #   python -c 'from accounts import passwords; print(passwords.hash_password("anything random"))'
    assert not passwords.needs_rehash(passwords.DUMMY_HASH), "passwords.DUMMY_HASH must be regenerated"


def test_an_unknown_user_matches_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not passwords.verify(None, "wonderland")

    # Not even the password behind the dummy hash.
    monkeypatch.setattr(passwords, "DUMMY_HASH", passwords.hash_password("wonderland"))
    assert not passwords.verify(None, "wonderland")


def test_verifying_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    someone = passwords.hash_password("wonderland")

    def took(password_hash: str | None) -> float:
        started = time.process_time()
        passwords.verify(password_hash, "wrong")
        return time.process_time() - started

    # Both should take equally long; a tenth leaves room for noise and still fails if no hash is computed.
    assert min(took(None) for _ in range(3)) > min(took(someone) for _ in range(3)) / 10


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
@pytest.mark.parametrize("password", ["wonderland", "päss", "a\0b", "w" * 72, "w" * 128, "ä" * 40])
def test_imported_bcrypt_hashes_verify(prefix: bytes, password: str) -> None:
    carried = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix)).decode()

    assert passwords.verify(carried, password)
    assert not passwords.verify(carried, "x" + password)
    assert passwords.needs_rehash(carried)


def test_php_bcrypt_hashes_verify() -> None:
    carried = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$", 1)
    assert passwords.verify(carried, "wonderland")
    assert passwords.needs_rehash(carried)


def test_a_hash_with_weaker_parameters_verifies_and_needs_a_rehash() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("wonderland")
    assert passwords.verify(weak, "wonderland")
    assert passwords.needs_rehash(weak)


@pytest.mark.parametrize("stored", ["", "wonderland", "5f4dcc3b5aa765d61d8327deb882cf99"])
def test_an_invalid_hash_matches_no_password(stored: str) -> None:
    assert not passwords.verify(stored, stored)


@pytest.mark.parametrize(("set_as", "typed_as"), [("cafe\u0301", "caf\u00e9"), ("caf\u00e9", "cafe\u0301")])
def test_a_password_matches_however_its_letters_are_composed(set_as: str, typed_as: str) -> None:
    assert passwords.verify(passwords.hash_password(set_as), typed_as)


def test_a_hash_of_a_password_that_was_not_composed_still_matches() -> None:
    older = passwords._hasher.hash("cafe\u0301")
    assert passwords.verify(older, "cafe\u0301")
    assert not passwords.verify(older, "cafe")
