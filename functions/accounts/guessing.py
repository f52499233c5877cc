"""Limit guesses: count wrong passwords and reset tokens, and refuse further ones before they cost a hash.

Three counters limit an attempt, each over the last 15 minutes: of the account, of the address, and of the account at
that address. Each counts an attempt before it is checked, so parallel guesses count too, and takes it back if it was
right. Before the last three attempts that a counter allows, it makes the caller wait, longer each time.

Nobody can lock out others:

- Who has logged in to the account from the address in the last 30 days is limited only by the counter of the two
  together. So neither guesses at the account from elsewhere nor guesses at other accounts from the address matter.
- A single account at one address uses up less than the address may, so other accounts can log in there.
- A signed-in caller who gives a password has a counter of its own (``signed_in``).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TypeVar

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from accounts.model import GuessRecord
from sitewatch import clock, settings, transactions
from sitewatch.errors import TOO_MANY_REQUESTS, ApiError
from sitewatch.keyed_hash import keyed_hash
from sitewatch.observability import count_failed_login
from sitewatch.retrying import attempts

Found = TypeVar("Found")

WINDOW = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=30)
"""How long a login makes its address known to the account: as long as its session may last."""
_PAUSES = (timedelta(minutes=4), timedelta(minutes=1))
"""The wait before the last attempt that a counter allows, and before the one before it."""
_RETRY_SECONDS = 3.0


@dataclass(slots=True)
class _Counter:
    """A counter's record, and how many attempts it allows in the window."""

    record: GuessRecord
    limit: int

    def wait(self, now: datetime) -> timedelta:
        """How long the next attempt has to wait."""
        recent = self._recent(now)
        if not recent:
            return timedelta()
        left = self.limit - len(recent)
        if left <= 0:
            return recent[-self.limit] + WINDOW - now
        return recent[-1] + _PAUSES[left - 1] - now if left <= len(_PAUSES) else timedelta()

    def add(self, now: datetime) -> None:
        """Count an attempt."""
        self._keep([*self._recent(now), now] if self.limit else [], now)

    def take_back(self, attempt: datetime, now: datetime) -> None:
        """Do not count an attempt after all."""
        recent = self._recent(now)
        if attempt in recent:
            recent.remove(attempt)
        self._keep(recent, now)

    def succeed(self, now: datetime) -> None:
        """Count from zero, and remember that the account's owner uses the address."""
        self.record.known_until = now + KNOWN_FOR
        self._keep([], now)

    def knows(self, now: datetime) -> bool:
        """Whether the account's owner uses the address."""
        return self.record.known_until is not None and self.record.known_until > now

    def _recent(self, now: datetime) -> list[datetime]:
        return [each for each in self.record.attempts or () if each > now - WINDOW]

    def _keep(self, recent: list[datetime], now: datetime) -> None:
        self.record.attempts = recent
        self.record.expires_at = max(now + WINDOW, self.record.known_until or now)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an attempt is made: at an account, from an address, or by a caller who is signed in to the account."""

    account: str
    address: str
    signed_in: bool

    def read(self) -> list[_Counter]:
        """Read the counters, that of the account at the address first."""
        of_account = settings.integer("GUESSES_PER_ACCOUNT")
        of_address = 0 if _is_loopback(self.address) else settings.integer("GUESSES_PER_ADDRESS")
        of_both = max(of_account - 2, 1) if of_account else 0
        limits = {
            keyed_hash("guesses", "account and address", self.account, self.address): of_both,
            keyed_hash("guesses", "account", self.account): of_account,
            keyed_hash("guesses", "address", self.address): of_address,
        }
        if self.signed_in:
            limits = {keyed_hash("guesses", "signed in", self.account): of_account}
        found = {record.id: record for record in GuessRecord.batch_get(list(limits), consistent_read=True)}
        return [_Counter(found.get(key) or GuessRecord(key), limit) for key, limit in limits.items()]


def check(account: str, address: str, verify: Callable[[], Found | None], *, signed_in: bool = False) -> Found | None:
    """Call ``verify``, unless there were too many wrong guesses, and return its result.

    Every route that takes a password or a reset token checks it here.

    Parameters
    ----------
    account
        What the guess is about: the key of a username, whether a user has it or not.
    address
        Where the guess comes from: ``Api.address``.
    verify
        Checks the password or token. ``None`` means that it is wrong; an error counts as wrong too.
    signed_in
        Whether the caller's token has identified the account already.

    Raises
    ------
    ApiError
        429 if there were too many, with the seconds to wait; ``verify`` is not called then.

    """
    place = _Place(account, address, signed_in)
    found = None
    try:
        attempt, counters = _count(place)
        found = verify()
    finally:
        if found is None:
            count_failed_login()
    if found is not None:
        _succeed(place, attempt, counters)
    return found


def _count(place: _Place) -> tuple[datetime, list[_Counter]]:
    """Count an attempt, and return its time and its counters."""
    for _ in attempts(None, within_seconds=_RETRY_SECONDS):
        now = clock.now()
        counters = place.read()
        if counters[0].knows(now):
            counters = counters[:1]
        wait = max((each.wait(now) for each in counters if each.limit), default=timedelta())
        if wait > timedelta():
            raise _too_many(math.ceil(wait.total_seconds()))
        for each in counters:
            each.add(now)
        if _write(counters):
            return now, counters
    raise _too_many(1)


def _succeed(place: _Place, attempt: datetime, counters: list[_Counter]) -> None:
    """Take the attempt back, and remember the address."""
    for _ in attempts(None, within_seconds=_RETRY_SECONDS):
        now = clock.now()
        together, *others = counters
        together.succeed(now)
        for each in others:
            each.take_back(attempt, now)
        if _write(counters):
            return
        counters = place.read()[: len(counters)]


def _write(counters: Sequence[_Counter]) -> bool:
    """Write all counters; return false if another attempt has changed one since it was read."""

    def fill(transaction: TransactWrite) -> None:
        for each in counters:
            transaction.save(each.record)

    try:
        transactions.write(fill)
    except TransactWriteError as error:
        if not transactions.is_temporary(error):
            raise
        return False
    return True


def _is_loopback(address: str) -> bool:
    """Whether the address is this machine: a local run sees every client there, so it says nothing."""
    try:
        return ip_address(address.partition("/")[0]).is_loopback
    except ValueError:
        return False


def _too_many(seconds: int) -> ApiError:
    return ApiError(TOO_MANY_REQUESTS, "too many wrong passwords; try again later", retry_after=seconds)
