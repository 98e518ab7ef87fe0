"""Records that break rules or are none, in the tables they land in."""


def expect(database, tables, begin, failed, corrupt, sent):
    """`failed`: (members, summary, column, value), sent from offset `begin` on; `corrupt`: (members, reason), the last of `sent`.

    `tables`: what the names of the tables begin with. A value of None is not compared.
    """
    rows = database.execute(f"SELECT order_id, qc_summary FROM {tables}_failed ORDER BY kafka_offset").fetchall()
    assert rows == [(begin + number, summary) for number, (_, summary, *_) in enumerate(failed)]
    rows = database.execute(f"SELECT raw, error_reason FROM {tables}_corrupt ORDER BY kafka_offset").fetchall()
    assert rows == [(value, reason) for value, (_, reason) in zip(sent[-len(corrupt):], corrupt)]
    for number, (_, summary, column, value) in enumerate(failed):
        if value is not None:
            cells = database.execute("SELECT column_name, offending_value, reason FROM sluice.cell_failures WHERE kafka_offset = %s",
                                     [begin + number]).fetchall()
            assert (column, value, summary) in cells
