"""Kafka's protocol by hand, for messages that its client libraries refuse: header names that are no text, negative timestamps.

Produce version 3 and record batch version 2, as https://kafka.apache.org/protocol describes them; one record a batch, one
connection to the only broker.
"""

import socket
import struct


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc_table()


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _varint(number):
    """Zigzag, seven bits a byte."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _bytes(data):
    return _varint(-1) if data is None else _varint(len(data)) + data


def record_batch(key, value, headers, timestamp):
    record = b"".join([b"\0", _varint(0), _varint(0), _bytes(key), _bytes(value), _varint(len(headers)),
                       *(_bytes(name) + _bytes(data) for name, data in headers)])
    record = _varint(len(record)) + record
    # No attributes; the first record is the last; nobody's producer id, epoch and sequence; one record.
    checked = struct.pack(">hiqqqhii", 0, 0, timestamp, timestamp, -1, -1, -1, 1) + record
    return struct.pack(">qiibI", 0, 4 + 1 + 4 + len(checked), -1, 2, _crc32c(checked)) + checked


class RawProducer:
    def __init__(self, bootstrap_servers):
        host, _, port = bootstrap_servers.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the broker hung up")
            data += more
        return data

    def produce(self, topic, partition, key, value, headers, timestamp):
        """The offset of the record; ValueError with Kafka's error code when it is refused."""
        name, batch = topic.encode(), record_batch(key, value, headers, timestamp)
        request = (struct.pack(">hhih", 0, 3, 1, -1)  # Produce, version 3, correlation 1, no client id
                   + struct.pack(">hhi", -1, -1, 30_000)  # no transaction, acknowledged by all, 30 s
                   + struct.pack(">ih", 1, len(name)) + name + struct.pack(">iii", 1, partition, len(batch)) + batch)
        self._socket.sendall(struct.pack(">i", len(request)) + request)
        answer = self._read(struct.unpack(">i", self._read(4))[0])
        # Correlation, one topic, its name, one partition, its number.
        error, offset = struct.unpack_from(">hq", answer, 4 + 4 + 2 + len(name) + 4 + 4)
        if error:
            raise ValueError(f"Kafka refuses the record with error code {error}")
        return offset
