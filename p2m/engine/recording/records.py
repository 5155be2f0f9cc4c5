"""One recorded answer, as bytes that prove themselves: the unit of which the ledger's segments are made.

    \\np2m1 <request digest> <seal> <length> <JSON on one line>

The seal is the sha256 of the digest and the JSON, and the digest is that of the request inside it, so a byte
that was flipped, cut or swapped is seen. The JSON holds no line break, so behind damage of any kind the next
record is found by the mark on a line of its own, which it brings with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from p2m.engine.hashing import digest_tree_of_plain, plain

REQUEST_TAG = "p2m.request.v1"
MARK = b"\np2m1 "
HEADER = 6 + 65 + 65 + 9  # bytes before the JSON
MAX_RECORD = 1 << 30  # bytes; a longer one is a damaged length
_HEADER = re.compile(rb"[\x00-\xff]p2m1 ([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{8}) ")
_CHUNK = 1 << 20  # bytes searched at once
_LATEST = 253402300800  # the year 10000, in seconds since the epoch


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with the number of its sample, and the digest by which its answer is found."""

    digest: str
    request: Any  # a plain tree
    sample: int

    @classmethod
    def of(cls, request: object, sample: int = 0) -> Asked:
        """Raises TypeError where the request is not plain data, with the path to what is not."""
        if isinstance(request, cls):
            return request
        return cls.of_tree(plain(request), sample)

    @classmethod
    def of_tree(cls, tree: object, sample: int) -> Asked:
        return cls(digest_tree_of_plain({"request": tree, "sample": sample}, tag=REQUEST_TAG), tree, sample)


@dataclass(frozen=True, slots=True)
class Record:
    """A request and its answer; what was paid for, kept for ever."""

    asked: Asked
    answer: bytes
    time: float  # seconds since the epoch, when the answer came
    seconds: float  # that the call took
    labels: Mapping[str, Any] = field(default_factory=dict)  # plain: provider, model, cost, recipe, ...

    @property
    def digest(self) -> str:
        return self.asked.digest


@dataclass(frozen=True, slots=True)
class Frame:
    """A sound record in a segment: where it stands, and its JSON."""

    digest: str
    offset: int
    length: int  # bytes of the whole frame
    body: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a segment that are no sound record."""

    offset: int
    length: int
    torn: bool  # at the very end: a record that is being written, or whose writer was killed


def body_of(record: Record) -> bytes:
    """The canonical JSON of a record, on one line."""
    content: dict[str, Any] = {
        "labels": plain(dict(record.labels)),
        "request": record.asked.request,
        "sample": record.asked.sample,
        "seconds": round(record.seconds, 6),
        "time": round(record.time, 6),
    }
    try:
        content["answer"] = record.answer.decode("utf-8")
    except UnicodeDecodeError:
        content["answer64"] = base64.b64encode(record.answer).decode("ascii")
    return canonical(content)


def canonical(content: object) -> bytes:
    """JSON in which the same content always is the same bytes."""
    return json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode("utf-8")


def frame_of(record: Record) -> bytes:
    """A record as it is appended to a segment.

    Raises:
        ValueError: it is larger than any record may be.
    """
    body = body_of(record)
    if len(body) > MAX_RECORD:
        raise ValueError(f"a record of {len(body)} bytes; at most {MAX_RECORD} can be recorded")
    head = f"\np2m1 {record.digest} {seal(record.digest, body)} {len(body):08x} "
    return b"%s%s" % (head.encode("ascii"), body)


def seal(digest: str, body: bytes) -> str:
    return hashlib.sha256(digest.encode("ascii") + body).hexdigest()


def parse_body(body: bytes, digest: str) -> Record:
    """The record of that digest.

    Raises:
        ValueError: these bytes are no record, or that of another request.
    """
    try:
        content = json.loads(body)
        asked = Asked.of_tree(content["request"], content["sample"])
        if "answer" in content:
            answer = content["answer"].encode("utf-8")
        else:
            answer = base64.b64decode(content["answer64"], validate=True)
        labels, time, seconds = content["labels"], content["time"], content["seconds"]
        if not all(type(value) in (int, float) and 0 <= value < _LATEST for value in (time, seconds)):
            raise ValueError("its times are none")
        record = Record(asked, answer, float(time), float(seconds), labels)
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"not a record: {error}") from None
    if asked.digest != digest or not isinstance(labels, dict):
        raise ValueError("the record of another request")
    return record


def parse_frame(content: bytes, digest: str | None = None) -> tuple[str, bytes] | None:
    """Digest and JSON of a frame; None where it is damaged or another's."""
    found = _HEADER.match(content)
    if found is None:
        return None
    name, body = found[1].decode("ascii"), content[HEADER:]
    sound = int(found[3], 16) == len(body) and seal(name, body) == found[2].decode("ascii")
    return (name, body) if sound and digest in (None, name) else None


def scan(stream: BinaryIO, start: int, end: int) -> Iterator[Frame | Gap]:
    """Every frame between two offsets, and what lies between them that is none."""
    position = start
    while position < end:
        frame = _frame_at(stream, position, end)
        if frame is not None:
            yield frame
            position += frame.length
            continue
        after = _next_mark(stream, position + 1, end)
        yield Gap(position, (end if after is None else after) - position, torn=after is None)
        position = end if after is None else after


def _frame_at(stream: BinaryIO, position: int, end: int) -> Frame | None:
    stream.seek(position)
    head = stream.read(HEADER)
    found = _HEADER.match(head)
    if found is None:
        return None
    length = int(found[3], 16)
    if position + HEADER + length > end:
        return None
    parsed = parse_frame(head + stream.read(length))
    return None if parsed is None else Frame(parsed[0], position, HEADER + length, parsed[1])


def _next_mark(stream: BinaryIO, position: int, end: int) -> int | None:
    """Where the next record seems to begin."""
    overlap = len(MARK)
    while position < end:
        stream.seek(position)
        chunk = stream.read(min(_CHUNK + overlap, end - position))
        found = chunk.find(MARK)
        if found >= 0:
            return position + found
        position += _CHUNK
    return None
