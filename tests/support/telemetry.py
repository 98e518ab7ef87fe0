"""Hand-made telemetry records, for tests that must know every byte."""

import datetime
import json

START = datetime.datetime(2024, 3, 10, 8, 0, tzinfo=datetime.timezone.utc)


def clean_record(number, **changes):
    """A record that breaks no rule; `changes` replace fields, and a value of ... leaves one out."""
    moment = START + datetime.timedelta(seconds=number % 3600, milliseconds=number % 1000)
    record = {
        "trip_id": f"trip-{number // 100:05d}",
        "car_id": f"car-{number % 37:03d}",
        "latitude": 52.5 + (number % 1000) / 7e4,
        "longitude": 13.4 + (number % 1000) / 3e4,
        "event_timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "speed_kmph": 30 + (number % 80) / 3,
        "fuel_level": 20 + (number % 70) / 1.1,
        "engine_temp_c": 70 + (number % 25) / 1.3,
        "trip_start_time": START.isoformat().replace("+00:00", "Z"),
        "trip_start_latitude": 52.5,
        "trip_start_longitude": 13.4,
        "trip_start_date": START.date().isoformat(),
    }
    record.update(changes)
    return {name: value for name, value in record.items() if value is not ...}


def encode(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def clean_value(number, **changes):
    return encode(clean_record(number, **changes))
