"""A proof is worth something only if it fails when something is wrong: one finished run, spoilt in one way at a time.

Both judges are tried: the oracle of these tests, and `sluicectl verify`.
"""

import shutil
import uuid

import psycopg
import pytest

from support.oracle import Oracle, load_truth

ONE = "ctid = (SELECT min(ctid) FROM {0})"
SPOILT = {
    "a clean row is gone": f"DELETE FROM device_data WHERE (kafka_partition, kafka_offset) = "
                           "(SELECT kafka_partition, kafka_offset FROM device_data LIMIT 1)",
    "a clean row is there twice": "INSERT INTO device_data SELECT * FROM device_data LIMIT 1",
    "a failed row is gone": f"DELETE FROM qc_failed_table WHERE {ONE.format('qc_failed_table')}",
    "a corrupt row is gone": f"DELETE FROM corrupt_records WHERE {ONE.format('corrupt_records')}",
    "a row was made up": "INSERT INTO corrupt_records SELECT * FROM corrupt_records LIMIT 1; "
                         f"UPDATE corrupt_records SET kafka_offset = 999999 WHERE {ONE.format('corrupt_records')}",
    "a ledger line is gone": f"DELETE FROM sluice.ledger WHERE {ONE.format('sluice.ledger')}",
    "a ledger line counts otherwise": "UPDATE sluice.ledger SET clean = clean - 1, failed = failed + 1 "
                                      f"WHERE {ONE.format('sluice.ledger')}",
    "the position is behind": f"UPDATE sluice.coverage SET next_offset = next_offset - 1 WHERE {ONE.format('sluice.coverage')}",
}
# A value of a row is compared by the oracle alone: verify's subject is the verdict.
SPOILT_VALUES = {
    "a value differs in its last bit": "UPDATE device_data SET latitude = latitude + 1e-14 WHERE (kafka_partition, kafka_offset) = "
                                       "(SELECT kafka_partition, kafka_offset FROM device_data LIMIT 1)",
    "a reason is another": "UPDATE corrupt_records SET error_reason = 'too_deep' WHERE error_reason <> 'too_deep'",
    "a broken rule is forgotten": f"DELETE FROM sluice.cell_failures WHERE {ONE.format('sluice.cell_failures')}",
}


@pytest.fixture
def finished(pipeline, chain, simulator, landing, judge):
    """A run that is done and found right; nobody is connected to its database."""
    pipeline.create(2)
    chain.start()
    load = simulator(5000, seed=41)
    load.finish()
    landing.wait_all()
    judge(load.truth)
    chain.stop()
    landing.close()
    return load.truth


def test_what_is_wrong_is_found(finished, stack, pipeline, sluicectl, database_url):
    unnoticed = []
    name = database_url.rpartition("/")[2]
    for what, statement in {**SPOILT, **SPOILT_VALUES}.items():
        copy = f"{name}_{uuid.uuid4().hex[:6]}"
        stack.postgres.create_database(copy, template=name)
        with psycopg.connect(stack.postgres.url(copy), autocommit=True) as database:
            database.execute(statement)
        oracle = Oracle(stack.bootstrap_servers, stack.postgres.url(copy), pipeline, load_truth(finished))
        if not oracle.differences():
            unnoticed.append(f"the oracle: {what}")
        if what in SPOILT:
            done = sluicectl("verify", "--pipeline", pipeline, "--truth", finished, "--database-url", stack.postgres.url(copy),
                             expect=None)
            if done.returncode != 1:
                unnoticed.append(f"verify: {what} (exit {done.returncode})\n{done.stdout}{done.stderr}")
        stack.postgres.drop_database(copy)
    assert not unnoticed, "\n".join(unnoticed)


def test_a_truth_that_says_otherwise(finished, pipeline, sluicectl, tmp_path):
    lies = tmp_path / "lies.ndjson"
    shutil.copy(finished, lies)
    text = lies.read_text()
    lies.write_text(text.replace('"verdict":"clean"', '"verdict":"failed"', 1))
    assert lies.read_text() != text
    sluicectl("verify", "--pipeline", pipeline, "--truth", lies, expect=1)
