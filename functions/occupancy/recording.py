"""Store a reading and add it to its sums, in one transaction and only once."""

from pynamodb.transactions import TransactWrite

from occupancy.model import SENSOR_KIND, Reading, ReadingRecord, SumsRecord, change, reading_position
from occupancy.sums import NOW, parts_of_reading
from sitewatch import clock
from sitewatch.sources import MAX_DELAY
from sitewatch.transactions import commit


def record(reading: Reading, reading_id: str) -> None:
    """Store ``reading`` under ``reading_id``, unless it exists.

    Readings of one sensor share sums, so concurrent transactions conflict: DynamoDB commits one of them, and the others
    retry after a random pause.

    Raises
    ------
    ApiError
        429 if it still conflicts with others after some seconds; nothing is stored then.

    """
    difference = reading.in_count - reading.out
    is_late = clock.now() - reading.ts > MAX_DELAY
    month, *finer = parts_of_reading(reading.ts)

    def fill(transaction: TransactWrite) -> None:
        position = reading_position(clock.sortable(reading.ts), reading_id)
        transaction.save(
            ReadingRecord(
                reading.sensor,
                position,
                in_count=reading.in_count,
                out_count=reading.out,
                late=True if is_late else None,
            ),
            condition=ReadingRecord.position.does_not_exist(),
        )
        transaction.update(
            SumsRecord(reading.sensor, NOW),
            actions=[
                SumsRecord.kind.set(SENSOR_KIND),
                SumsRecord.inside.add(difference),
                change(month.name).add(difference),
                SumsRecord.last_reading.set(reading_id),
                SumsRecord.last_at.set(reading.ts),  # type: ignore[attr-defined]
                SumsRecord.last_in.set(reading.in_count),
                SumsRecord.last_out.set(reading.out),
                SumsRecord.last_late.set(is_late) if is_late else SumsRecord.last_late.remove(),
            ],
        )
        for part in finer if difference else ():
            transaction.update(SumsRecord(reading.sensor, part.position), actions=[change(part.name).add(difference)])

    commit(fill)
