"""What people really send: each value gets its verdict and reason, and the good ones between are not held up."""

import json

from support.oracle import Expected
from support.telemetry import clean_record, clean_value, encode


def raw(text, **changes):
    """A clean record as JSON text in which one piece was replaced by hand."""
    return encode(clean_record(1, **changes)).replace(b'"@"', text)


def cases():
    corrupt = lambda reason: Expected("corrupt", reason)  # noqa: E731
    clean, good = Expected("clean"), clean_value(1)
    yield "clean", good, clean
    yield "white space around", b" \t\r\n" + good + b"\n", clean
    yield "keys in another order", encode(dict(reversed(clean_record(1).items()))), clean
    yield "escaped text", raw(b'"trip \\u00e9\\ud83d\\ude97 \\"x\\" \\\\ \\/"', trip_id="@"), clean
    yield "plain UTF-8", clean_value(1, trip_id="Grüße 🚗"), clean
    yield "a number with many digits", raw(b"52.50000000000000710542735760100185871124267578125", latitude="@"), clean
    yield "an exponent", raw(b"5.25E+1", latitude="@"), clean
    yield "negative zero", raw(b"-0.0", longitude="@"), clean
    yield "a tombstone", None, Expected("tombstone")
    yield "an empty value", b"", corrupt("empty_value")
    yield "white space only", b" \n", corrupt("invalid_json")
    yield "no JSON", b"speed=80", corrupt("invalid_json")
    yield "cut off", good[:-1], corrupt("invalid_json")
    yield "two values", good + good, corrupt("invalid_json")
    yield "a trailing comma", good[:-1] + b",}", corrupt("invalid_json")
    yield "a comment", b"/* x */" + good, corrupt("invalid_json")
    yield "single quotes", good.replace(b'"', b"'"), corrupt("invalid_json")
    yield "NaN", raw(b"NaN", latitude="@"), corrupt("invalid_json")
    yield "Infinity", raw(b"Infinity", latitude="@"), corrupt("invalid_json")
    yield "a leading zero", raw(b"052.5", latitude="@"), corrupt("invalid_json")
    yield "hexadecimal", raw(b"0x34", latitude="@"), corrupt("invalid_json")
    yield "a control character", raw(b'"a\x01b"', trip_id="@"), corrupt("invalid_json")
    yield "an unknown escape", raw(b'"\\x41"', trip_id="@"), corrupt("invalid_json")
    yield "UTF-16", good.decode().encode("utf-16-le"), corrupt("invalid_json")
    yield "overlong UTF-8", raw(b'"\xc0\xaf"', trip_id="@"), corrupt("invalid_utf8")
    yield "a surrogate in UTF-8", raw(b'"\xed\xa0\x80"', trip_id="@"), corrupt("invalid_utf8")
    yield "Latin-1", raw(b'"Gr\xfc\xdfe"', trip_id="@"), corrupt("invalid_utf8")
    yield "half a character", raw(b'"\xf0\x9f\x9a"', trip_id="@"), corrupt("invalid_utf8")
    yield "a byte order mark", b"\xef\xbb\xbf" + good, corrupt("byte_order_mark")
    yield "an array", b"[" + good + b"]", corrupt("not_an_object")
    yield "a string", b'"hello"', corrupt("not_an_object")
    yield "null", b"null", corrupt("not_an_object")
    yield "a key twice", good[:-1] + b',"car_id":"other"}', corrupt("duplicate_key")
    yield "a key twice, once escaped", good[:-1] + b',"\\u0063ar_id":"other"}', corrupt("duplicate_key")
    yield "a field missing", clean_value(1, trip_id=...), corrupt("missing_field")
    yield "a field too many", clean_value(1, colour="red"), corrupt("unknown_field")
    yield "text for a number", clean_value(1, speed_kmph="80"), corrupt("wrong_type")
    yield "a number for text", clean_value(1, trip_id=5), corrupt("wrong_type")
    yield "an object for a number", clean_value(1, latitude={"value": 1}), corrupt("wrong_type")
    yield "a truth value for a number", clean_value(1, latitude=True), corrupt("wrong_type")
    yield "a number beyond double", raw(b"1e400", latitude="@"), corrupt("number_out_of_range")
    yield "no timestamp", clean_value(1, event_timestamp="yesterday"), corrupt("invalid_timestamp")
    yield "the 30th of February", clean_value(1, event_timestamp="2024-02-30T00:00:00Z"), corrupt("invalid_timestamp")
    yield "hour 25", clean_value(1, event_timestamp="2024-02-03T25:00:00Z"), corrupt("invalid_timestamp")
    yield "U+0000", raw(b'"a\\u0000b"', trip_id="@"), corrupt("nul_character")
    yield "a depth bomb", b'{"trip_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", corrupt("too_deep")
    yield "ten megabytes", encode({"trip_id": "x" * 10_000_000}), corrupt("oversize")
    yield "a null where one is needed", clean_value(1, trip_id=None), corrupt("missing_field")


def test_each_value_gets_its_verdict(pipeline, chain, landing, judge, kafka):
    partitions = 2
    pipeline.create(partitions, **{"max.message.bytes": "16000000"})
    chain.start()
    names, records, expected = [], [], []
    for number, (name, value, verdict) in enumerate(cases()):
        # A clean neighbour before and after each: nothing bad may take them along.
        for neighbour in (0, 1):
            names.append(f"neighbour of {name}")
            records.append((number % partitions, b"car", clean_value(2 * number + neighbour)))
            expected.append(Expected("clean"))
            if neighbour == 0:
                names.append(name)
                records.append((number % partitions, b"car", value))
                expected.append(verdict)
    offsets = kafka.produce(pipeline.source_topic, records)
    landing.wait_all()

    truth = {(record[0], offset): verdict for record, offset, verdict in zip(records, offsets, expected)}
    where = {(record[0], offset): name for record, offset, name in zip(records, offsets, names)}
    try:
        judge(truth)
    except AssertionError as problem:
        raise AssertionError(f"{problem}\nwhat lies where: {json.dumps({str(k): v for k, v in where.items()})}") from None


def test_keys_headers_and_timestamps(pipeline, chain, landing, judge, kafka):
    """What is around the value: any key, many and large headers, timestamps that no calendar has."""
    pipeline.create(1, **{"message.timestamp.after.max.ms": str((1 << 63) - 1), "retention.ms": "-1"})
    chain.start()
    around = [
        (None, {}, Expected("clean")),
        (b"", {}, Expected("clean")),
        (b"\x00\xff\xfe", {}, Expected("clean")),
        (b"k" * 100_000, {}, Expected("corrupt", "oversize_key")),
        (b"k", {"headers": [(f"h{number}", b"x" * 1000) for number in range(500)]}, Expected("clean")),
        (b"k", {"headers": [("empty", None), ("", b"")]}, Expected("clean")),
        (b"k", {"headers": [("sluice-record-id", b"\xff\x00"), ("sluice-planned-at", b"nonsense")]}, Expected("clean")),
        (b"k", {"timestamp": 1}, Expected("clean")),
        (b"k", {"timestamp": 9_000_000_000_000_000}, Expected("corrupt", "invalid_record_timestamp")),
        (b"k", {"timestamp": (1 << 63) - 1}, Expected("corrupt", "invalid_record_timestamp")),
        (b"k", {}, Expected("clean")),
    ]
    offsets = kafka.produce(pipeline.source_topic, [(0, key, clean_value(1), more) for key, more, _ in around])
    landing.wait_all()
    judge({(0, offset): expected for offset, (_, _, expected) in zip(offsets, around)})


def test_transactions_and_their_marks(pipeline, chain, landing, judge, kafka):
    """Offsets have holes: an aborted transaction is not there, and what is behind it is."""
    pipeline.create(1)
    chain.start()
    producer = kafka.producer(**{"transactional.id": pipeline.name})
    producer.init_transactions(30)
    for number, commit in enumerate([True, False, True, False]):
        producer.begin_transaction()
        for record in range(50):
            producer.produce(pipeline.source_topic, clean_value(number * 50 + record), partition=0)
        producer.flush(30)  # an abort would throw away what is not sent, and Kafka may refuse to end what never began
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    kafka.produce(pipeline.source_topic, [(0, None, clean_value(1))])
    landing.wait_all()
    assert len(judge().source) == 101
