"""Hashing and verifying passwords."""

import time

import bcrypt
import pytest
from argon2 import PasswordHasher, extract_parameters

from accounts import passwords
from accounts.common_passwords import is_common


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no tables, and few of them the work of an imported hash."""
    monkeypatch.setenv("IMPORTED_BCRYPT_COST", "4")


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


@pytest.mark.parametrize("cost", [None, 4, 6, 8])
def test_a_wrong_password_costs_the_same_for_every_kind_of_hash(
    monkeypatch: pytest.MonkeyPatch, cost: int | None
) -> None:
    monkeypatch.setenv("IMPORTED_BCRYPT_COST", "8")
    done: list[int] = []
    argon2, checkpw, hashpw = passwords._verify_argon2, bcrypt.checkpw, bcrypt.hashpw

    def watched_argon2(password_hash: str, password: str) -> bool:
        done.append(0)
        return argon2(password_hash, password)

    def watched_checkpw(password: bytes, hashed: bytes) -> bool:
        done.append(2 ** int(hashed[4:6]))
        return checkpw(password, hashed)

    def watched_hashpw(password: bytes, salt: bytes) -> bytes:
        done.append(2 ** int(salt[4:6]))
        return hashpw(password, salt)

    imported = hashpw(b"wonderland", bcrypt.gensalt(cost)).decode() if cost else None
    monkeypatch.setattr(passwords, "_verify_argon2", watched_argon2)
    monkeypatch.setattr(bcrypt, "checkpw", watched_checkpw)
    monkeypatch.setattr(bcrypt, "hashpw", watched_hashpw)
    for password_hash in (None, passwords.hash_password("wonderland"), imported):
        done.clear()
        assert not passwords.verify(password_hash, "wrong")
        assert (done.count(0), sum(done)) == (1, 2**8)


def test_a_login_takes_as_long_for_an_unknown_name_and_every_kind_of_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORTED_BCRYPT_COST", "10")
    hashes = (None, passwords.hash_password("wonderland"), bcrypt.hashpw(b"wonderland", bcrypt.gensalt(10)).decode())

    def took(password_hash: str | None) -> float:
        started = time.process_time()
        passwords.verify(password_hash, "wrong")
        return time.process_time() - started

    times = [min(took(password_hash) for _ in range(2)) for password_hash in hashes]
    # They should be equal; a half leaves room for noise and still fails if a hash is not computed.
    assert min(times) > max(times) / 2


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
@pytest.mark.parametrize("password", ["wonderland", "päss", "a\0b", "w" * 72, "ä" * 36])
def test_imported_bcrypt_hashes_verify(prefix: bytes, password: str) -> None:
    carried = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()

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


@pytest.mark.parametrize("password", ["w" * 73, "w" * 72 + "wrong", "ä" * 37])
def test_a_password_that_bcrypt_would_cut_off_does_not_match(password: str) -> None:
    cut_off = password.encode()[:72]
    carried = bcrypt.hashpw(cut_off, bcrypt.gensalt(4)).decode()
    assert not passwords.verify(carried, password)
    assert passwords.verify(carried, cut_off.decode())


ARGON2 = "$argon2id$v=19$m=19456,t=2,p=1$c2l0ZXdhdGNoLW5vYm9keQ$"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "wonderland",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2b$",
        "$2b$12$short",
        "$2b$xx$" + "a" * 53,
        "$2b$99$" + "a" * 53,
        "$2b$04$" + "€" * 53,
        "$argon2id$",
        ARGON2,
        ARGON2 + "!!",
        ARGON2 + "€",
        ARGON2.replace("m=19456", "m=999999999") + "vvSvMLcsBmh40JVU",
    ],
)
def test_a_damaged_hash_is_reported_and_matches_no_password(stored: str) -> None:
    with pytest.raises(passwords.UnreadableHash):
        passwords.verify(stored, stored)


@pytest.mark.parametrize(("set_as", "typed_as"), [("cafe\u0301", "caf\u00e9"), ("caf\u00e9", "cafe\u0301")])
def test_a_password_matches_however_its_letters_are_composed(set_as: str, typed_as: str) -> None:
    assert passwords.verify(passwords.hash_password(set_as), typed_as)


def test_a_hash_of_a_password_that_was_not_composed_still_matches() -> None:
    older = passwords._hasher.hash("cafe\u0301")
    assert passwords.verify(older, "cafe\u0301")
    assert not passwords.verify(older, "cafe")


# --- common passwords -----------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["password1234", "PASSWORD1234", "Password1234", "qwertyuiop123", "1q2w3e4r5t6y"])
def test_common_passwords_are_recognized(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["correct horse battery", "wonderland-forever", "", "# Django", "# "])
def test_other_passwords_are_not(password: str) -> None:
    assert not is_common(password)
