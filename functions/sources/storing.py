"""Describe and delete sources, each with its entry in the audit log in one transaction."""

from pynamodb.transactions import TransactWrite

from sitewatch import audit, clock, transactions
from sitewatch.audit import Action
from sitewatch.callers import Origin
from sitewatch.errors import NOT_FOUND, ApiError
from sitewatch.versions import require_match
from sources import finding, registry
from sources.model import Description, RevisionRecord, SourceKind, SourceRecord


def describe(
    kind: SourceKind, name: str, description: Description, if_match: str | None, origin: Origin
) -> SourceRecord:
    """Describe a source, which need not have sent a signal yet, and return it.

    The wait for its next signal starts anew if the expected period changes.

    Raises
    ------
    ApiError
        412 if it does not match ``If-Match``, 429 if others keep changing it at the same time.

    """
    described: list[SourceRecord] = []
    entry = audit.entry(origin, Action.SOURCE_CHANGED, f"{kind}/{name}")

    def prepare() -> transactions.Fill | None:
        stored = finding.stored(kind, name)
        source = stored or SourceRecord(kind.value, name, version=0)
        if described and source.version == described[0].version and _says(source, description):
            return None  # by an earlier attempt, whose response was lost
        require_match(source.version, if_match)
        unchanged = source.unchanged() if stored else SourceRecord.kind.does_not_exist()
        before = source.expected_every, source.state
        source.title = description.title
        source.move_to(description.zone)
        source.expected_every, source.grace = description.expected_every, description.grace
        if source.expected_every != before[0]:
            source.expect_after(clock.now())
        if source.state != before[1]:
            source.state_since = clock.now()
        source.version += 1
        described[:] = [source]
        revision = registry.revision()

        def fill(transaction: TransactWrite) -> None:
            transaction.save(source, condition=unchanged)
            _change(transaction, revision)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)
    return finding.as_of(described[0], clock.now())


def delete(kind: SourceKind, name: str, if_match: str | None, origin: Origin) -> None:
    """Delete a source; its next signal makes it again.

    Raises
    ------
    ApiError
        404 if there is none, 412 if it does not match ``If-Match``, 429 if others keep changing it.

    """
    entry = audit.entry(origin, Action.SOURCE_DELETED, f"{kind}/{name}")
    attempted = False

    def prepare() -> transactions.Fill | None:
        nonlocal attempted
        source = finding.stored(kind, name)
        if source is None:
            if attempted:
                return None  # by an earlier attempt, whose response was lost
            raise ApiError(NOT_FOUND)
        attempted = True
        require_match(source.version, if_match)
        revision = registry.revision()

        def fill(transaction: TransactWrite) -> None:
            transaction.delete(source, condition=SourceRecord.version == source.version)
            _change(transaction, revision)
            audit.add(entry, transaction)

        return fill

    transactions.rewrite(prepare)


def _says(source: SourceRecord, description: Description) -> bool:
    return all(getattr(source, name) == value for name, value in description)


def _change(transaction: TransactWrite, revision: int) -> None:
    unchanged = RevisionRecord.revision == revision if revision else RevisionRecord.revision.does_not_exist()
    transaction.save(RevisionRecord(revision=revision + 1), condition=unchanged)
