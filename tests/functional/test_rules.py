"""The telemetry contract, rule by rule: what breaks it, what just does not, and what the tables then say."""

import pytest

from support.oracle import Expected
from support.telemetry import clean_record, encode

NULLABLE = ("latitude", "longitude", "speed_kmph", "fuel_level", "engine_temp_c", "trip_start_time",
            "trip_start_latitude", "trip_start_longitude", "trip_start_date")
FAR = {"trip_start_latitude": 89.0, "trip_start_longitude": 13.4}


def failed(*rules):
    return Expected("failed", None, tuple(sorted(rules)))


def clean(*findings):
    return Expected("clean", None, tuple(sorted(findings)))


def cases():
    for name in NULLABLE:
        yield {name: None}, failed(f"{name}_null")
        yield {name: ...}, failed(f"{name}_null")
    for name, low, high in (("speed_kmph", 0, 250), ("fuel_level", 0, 100), ("engine_temp_c", -40, 150)):
        yield {name: low}, clean()
        yield {name: high}, clean()
        yield {name: low - 0.001}, failed(f"{name}_minimum")
        yield {name: high + 0.001}, failed(f"{name}_maximum")
    yield {"latitude": 90.0, **FAR}, clean()
    yield {"latitude": 90.1, **FAR}, failed("latitude_maximum")
    yield {"longitude": 180.5, "trip_start_longitude": 180.0}, failed("longitude_maximum")
    yield {"longitude": 179.9, "trip_start_longitude": -179.9}, clean()
    yield {"trip_id": ""}, failed("trip_id_min_length")
    yield {"car_id": "x" * 64}, clean()
    yield {"car_id": "x" * 65}, failed("car_id_max_length")
    yield {"fuel_level": None, "speed_kmph": -1, "car_id": ""}, failed("fuel_level_null", "speed_kmph_minimum", "car_id_min_length")
    yield {"event_timestamp": "2024-03-10T07:59:59.999Z"}, failed("event_not_before_trip_start")
    yield {"event_timestamp": "2024-03-10T09:00:00+01:00"}, clean()
    yield {"trip_start_date": "2024-03-11"}, failed("trip_start_date_is_its_day")
    yield {"engine_temp_c": 121, "fuel_level": 1, "speed_kmph": 121}, failed("not_hot_empty_and_fast")
    yield {"engine_temp_c": 121, "fuel_level": 1, "speed_kmph": 120}, clean()
    yield {"trip_start_latitude": 40}, failed("near_trip_start")
    yield {"latitude": 0, "longitude": 0, "trip_start_latitude": 1, "trip_start_longitude": 1}, failed("has_gps_fix")
    yield {"event_timestamp": "2024-03-12T08:00:01Z"}, clean("trip_within_two_days")
    yield {"event_timestamp": "2024-03-12T08:00:01Z", "fuel_level": None}, failed("trip_within_two_days", "fuel_level_null")
    yield {"event_timestamp": "1999-12-31T23:59:59Z", "trip_start_time": "1999-12-31T00:00:00Z",
           "trip_start_date": "1999-12-31"}, failed("event_timestamp_minimum", "trip_start_time_minimum", "trip_start_date_minimum")
    yield {"trip_start_time": "2098-12-31T23:00:00Z", "trip_start_date": "2098-12-31",
           "event_timestamp": "2098-12-31T23:30:00Z"}, clean("clock_not_ahead")


@pytest.fixture
def landed(pipeline, chain, kafka, landing):
    pipeline.create(1)
    chain.start()
    table = list(cases())
    kafka.produce(pipeline.source_topic, [(0, b"car", encode(clean_record(1, **changes))) for changes, _ in table])
    landing.wait_all()
    return table


def test_each_rule(landed, judge, landing):
    try:
        judge({(0, offset): expected for offset, (_, expected) in enumerate(landed)})
    except AssertionError as problem:
        lines = [f"{offset}: {changes} -> {expected.verdict} {expected.rules}" for offset, (changes, expected) in enumerate(landed)]
        raise AssertionError("\n".join([str(problem), *lines])) from None

    offset = next(number for number, (changes, _) in enumerate(landed) if changes == {"fuel_level": None})
    assert landing.query("SELECT qc_status, qc_summary FROM qc_failed_table WHERE kafka_offset = %s", [offset]) == [
        ("fail", "fuel_level null")]
    assert landing.query("SELECT column_name, offending_value, reason FROM sluice.cell_failures WHERE kafka_offset = %s",
                         [offset]) == [("fuel_level", None, "fuel_level null")]


def test_the_audit_has_every_checked_column_of_every_record(landed, landing):
    columns = landing.query("SELECT count(*) FROM sluice.contract_columns")[0][0]
    assert columns >= 12
    per_record = landing.query("SELECT kafka_offset, count(*), count(*) FILTER (WHERE NOT passed) FROM qc_audit_log_table "
                               "GROUP BY kafka_offset ORDER BY kafka_offset")
    assert [offset for offset, _, _ in per_record] == list(range(len(landed)))
    assert {count for _, count, _ in per_record} == {columns}
    broken = landing.query("SELECT kafka_offset, count(DISTINCT coalesce(column_name, '(row)')) FROM sluice.cell_failures "
                           "GROUP BY kafka_offset ORDER BY kafka_offset")
    assert [(offset, count) for offset, _, count in per_record if count] == broken
    assert landing.query("SELECT trip_id, column_name, passed, fail_reason FROM qc_audit_log_table WHERE NOT passed "
                         "AND column_name = 'fuel_level' LIMIT 1")[0][2:] == (False, "fuel_level null")


def test_the_seeds_columns(landed, landing):
    """The tables are those that people know: names and order, extra columns only behind them."""
    expected = {
        "device_data": "trip_id, car_id, latitude, longitude, event_timestamp, speed_kmph, fuel_level, engine_temp_c, "
                       "trip_start_time, trip_start_latitude, trip_start_longitude, trip_start_date, message_key, "
                       "kafka_partition, kafka_offset, qc_status, load_timestamp",
        "corrupt_records": "message_key, kafka_partition, kafka_offset, value_str, error_reason, load_timestamp",
        "qc_failed_table": "trip_id, car_id, latitude, longitude, event_timestamp, speed_kmph, fuel_level, engine_temp_c, "
                           "trip_start_time, trip_start_latitude, trip_start_longitude, trip_start_date, qc_status, "
                           "qc_summary, load_timestamp",
        "qc_audit_log_table": "trip_id, column_name, passed, fail_reason, checked_at",
    }
    for table, names in expected.items():
        there = [name for name, in landing.query(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", [table])]
        assert there[:len(names.split(", "))] == names.split(", "), table
    assert landing.query("SELECT DISTINCT qc_status FROM device_data") == [("success",)]
    key = landing.query("SELECT pg_get_partkeydef('device_data'::regclass)")[0][0]
    assert "trip_start_date" in key
