"""The ledger: once paid, never again; once answered, never another answer, whatever happens to its files."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ledgers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledgers import fill

from p2m.engine.recording import care as ledger_care
from p2m.engine.recording import index as record_index
from p2m.engine.recording import record_files, segments
from p2m.engine.recording.ledger import Ledger, StepRecorder, close_all, opened, used
from p2m.engine.recording.records import Asked, Record, body_of, frame_of, parse_body, parse_frame
from p2m.errors import StageError, StoreError

CASES = int(os.environ.get("P2M_CASES", "600"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def never() -> bytes:
    pytest.fail("this was paid for already")


def only_segment(folder: Path) -> Path:
    (found,) = (folder / "segments").iterdir()
    return found


# --------------------------------------------------------------------------- requests and records


@dataclass(frozen=True)
class Message:
    role: str
    text: str


def test_a_request_has_the_digest_that_it_always_had() -> None:
    """These stand for answers that were paid for: another encoding would pay for all of them again."""
    golden = {
        Asked.of(
            {"model": "m", "messages": [{"role": "user", "content": "Grüße"}]}
        ).digest: "bddce39d118a83ab6010ce0146fea0a690b33c93bd0a7cdfd42f144d67cea096",
        Asked.of(
            {"model": "m", "messages": [{"role": "user", "content": "Grüße"}]}, 1
        ).digest: "00c0708b2087e132c1c338f292d6f5e46b7365960fcc25919e8f067c10a32a00",
        Asked.of(
            {"temperature": 1, "stop": None, "n": [1.5, True]}
        ).digest: "742fa98fd51642df115fcd91bd703063baebdd6d05544b73985d70cb58f52b3b",
    }
    assert [digest for digest, expected in golden.items() if digest != expected] == []


def test_requests_that_differ_in_type_alone_are_different_requests() -> None:
    requests = [
        {"t": 1},
        {"t": 1.0},
        {"t": "1"},
        {"t": True},
        {"t": None},
        {"t": [1]},
        {"t": {"": 1}},
        "t",
        1,
    ]
    assert len({Asked.of(request).digest for request in requests}) == len(requests)
    assert Asked.of({"a": 1, "b": 2}).digest == Asked.of({"b": 2, "a": 1}).digest
    assert Asked.of([1, 2]).digest == Asked.of((1, 2)).digest
    assert Asked.of(Message("user", "x")).digest != Asked.of({"role": "user", "text": "x"}).digest


def test_what_is_no_plain_data_is_refused_before_anything_is_paid(folder: Path) -> None:
    ledger = Ledger(folder)
    for wrong in ({1: 2}, {"x": {1}}, {"x": object()}, {"x": float("nan")}, Path("x")):
        with pytest.raises(TypeError):
            ledger.answer(wrong, never)
    ledger.close()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(request=PLAIN, answer=st.binary(max_size=99), labels=st.dictionaries(st.text(), st.text(), max_size=2))
@settings(max_examples=150)
def test_a_record_comes_back_as_it_went(request: Any, answer: bytes, labels: dict[str, str]) -> None:
    record = Record(Asked.of(request), answer, 12.5, 0.25, labels)
    frame = frame_of(record)
    assert frame.startswith(b"\np2m1 ")
    assert frame.count(b"\n") == 1
    parsed = parse_frame(frame, record.digest)
    assert parsed is not None
    back = parse_body(parsed[1], record.digest)
    assert (back.answer, back.asked.digest, back.time) == (answer, record.digest, 12.5)
    assert body_of(back) == parsed[1] or any(name.startswith("$") for name in labels)


# --------------------------------------------------------------------------- one process


def test_an_answer_is_paid_for_once_and_kept_for_the_next_process(folder: Path) -> None:
    ledger = Ledger(folder)
    assert ledger.known({"n": 1}) is None
    assert ledger.answer({"n": 1}, lambda: b"one") == b"one"
    assert ledger.answer({"n": 1}, never) == b"one"
    ledger.close()
    again = Ledger(folder)
    assert again.answer({"n": 1}, never) == b"one"
    assert again.known({"n": 1}) == b"one"
    assert again.known({"n": 2}) is None
    again.close()


def test_another_sample_of_one_prompt_is_another_record(folder: Path) -> None:
    ledger = Ledger(folder)
    answers = [ledger.answer("p", lambda i=i: b"%d" % i, sample=i) for i in range(3)]  # type: ignore[misc]
    assert answers == [b"0", b"1", b"2"]
    assert [ledger.known("p", sample=i) for i in range(4)] == [b"0", b"1", b"2", None]
    ledger.close()


def test_a_call_that_raises_records_nothing(folder: Path) -> None:
    ledger = Ledger(folder)
    with pytest.raises(ZeroDivisionError):
        ledger.answer({"n": 1}, lambda: b"%d" % (1 // 0))
    assert ledger.known({"n": 1}) is None
    assert ledger.answer({"n": 1}, lambda: b"one") == b"one"
    with pytest.raises(StageError, match="must return bytes"):
        ledger.answer({"n": 2}, lambda: "text")  # type: ignore[arg-type, return-value]
    with pytest.raises(StageError, match="cannot be recorded"):
        ledger.answer({"n": 3}, lambda: b"", labels={"x": object()})
    assert ledger.known({"n": 3}) is None
    ledger.close()


def test_threads_that_ask_for_one_thing_share_one_call_and_others_do_not_wait(folder: Path) -> None:
    ledger = Ledger(folder)
    asked: list[int] = []
    everyone = threading.Barrier(8, timeout=20)

    def call(number: int) -> bytes:
        asked.append(number)
        everyone.wait()  # eight different requests must be under way at once
        return b"%d" % number

    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(ledger.answer, {"n": i % 8}, lambda i=i: call(i % 8)) for i in range(32)]
        assert [future.result() for future in futures] == [b"%d" % (i % 8) for i in range(32)]
    assert sorted(asked) == list(range(8))
    ledger.close()


def test_those_who_wait_for_a_call_that_fails_make_their_own(folder: Path) -> None:
    ledger = Ledger(folder)
    turns = itertools.count()
    waiting = threading.Event()

    def call() -> bytes:
        turn = next(turns)
        waiting.wait(10)
        if turn < 2:
            raise ConnectionError(turn)
        return b"good"

    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(ledger.answer, "r", call) for _ in range(6)]
        time.sleep(0.1)
        waiting.set()
        errors = [future.exception() for future in futures]
    assert sum(isinstance(error, ConnectionError) for error in errors) == 2
    assert sum(error is None for error in errors) == 4
    assert next(turns) == 3
    ledger.close()


def test_tasks_share_calls_with_tasks_and_threads_and_the_loop_goes_on(folder: Path) -> None:
    ledger = Ledger(folder)
    asked: list[int] = []

    async def call(number: int) -> bytes:
        asked.append(number)
        await asyncio.sleep(0.2)
        return b"%d" % number

    async def everything() -> tuple[list[bytes], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        tasks = [ledger.answer_async({"n": i % 50}, lambda i=i: call(i % 50)) for i in range(200)]
        threads = [asyncio.to_thread(ledger.answer, {"n": i}, never) for i in range(4)]
        first = asyncio.gather(*tasks)
        await asyncio.sleep(0.05)
        given = await asyncio.gather(*threads)
        answers = await first
        ticking.cancel()
        assert given == [b"%d" % i for i in range(4)]
        return answers, ticks

    answers, ticks = asyncio.run(everything())
    assert answers == [b"%d" % (i % 50) for i in range(200)]
    assert sorted(asked) == list(range(50))
    assert ticks >= 5
    assert asyncio.run(ledger.answer_async({"n": 7}, lambda: call(-1))) == b"7"
    ledger.close()


def test_a_task_that_is_cancelled_while_its_answer_is_written_has_paid_for_it_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_disk(handle: int) -> None:
        time.sleep(0.3)
        os.fdatasync(handle)

    monkeypatch.setattr(segments, "_sync", slow_disk)
    ledger = Ledger(folder)
    called = asyncio.Event()

    async def call() -> bytes:
        called.set()
        return b"paid"

    async def cancelled() -> None:
        task = asyncio.create_task(ledger.answer_async("r", call))
        await called.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert ledger.answer("r", never) == b"paid"
    ledger.close()


def test_labels_may_be_read_from_the_answer(folder: Path) -> None:
    ledger = Ledger(folder)
    ledger.answer("r", lambda: b"12", labels=lambda answer: {"cost": int(answer) / 4, "model": "m"})
    ledger.close()
    assert ledger_care.add_up(folder).cost == 3.0


def test_a_step_s_recorder_opens_late_and_notes_what_the_step_used(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    recorder = StepRecorder(folder, "k" * 64, {"step": "generate"})
    assert not folder.exists()

    async def two() -> bytes:
        return b"2"

    assert asyncio.run(recorder.answer_async("a", two, labels={"model": "m"})) == b"2"
    assert asyncio.run(recorder.answer_async("a", lambda: asyncio.to_thread(never))) == b"2"
    assert recorder.known("b") is None
    assert asyncio.run(recorder.answer_async("b", two)) == b"2"
    assert used(folder, "k" * 64) == tuple(sorted((Asked.of("a").digest, Asked.of("b").digest)))
    assert used(folder, "j" * 64) == used(folder, "") == ()
    (first, second) = ledger_care.each(folder)
    assert (first.labels, second.labels) == ({"step": "generate", "model": "m"}, {"step": "generate"})
    assert opened(folder) is opened(folder)
    close_all()


def test_a_closed_ledger_s_segment_is_gone_on_in(folder: Path) -> None:
    for number in range(5):
        ledger = Ledger(folder)
        ledger.answer({"n": number}, lambda: b"x")
        ledger.close()
    assert only_segment(folder).read_bytes().count(b"\n") == 5


def test_a_full_segment_is_followed_by_a_new_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FULL", 1500)
    ledger = Ledger(folder)
    for number in range(40):
        ledger.answer({"n": number}, lambda number=number: b"%d" % number * 30)  # type: ignore[misc]
    assert len(list((folder / "segments").iterdir())) > 4
    assert all(ledger.known({"n": number}) == b"%d" % number * 30 for number in range(40))
    ledger.close()


# --------------------------------------------------------------------------- the index


@pytest.mark.parametrize("many", [0, 1, 79, 80, 81, 1000])
def test_an_index_finds_what_is_in_it_and_nothing_else(tmp_path: Path, many: int) -> None:
    places = {os.urandom(32): record_index.Place("s", i, i + 1) for i in range(many)}
    later = {os.urandom(32): record_index.Place("t", i, 7) for i in range(many // 3)}
    path = tmp_path / "index"
    record_index.write(path, None, places, {"s": 5}, lambda _d, old, _n: old)
    first = record_index.Index.open(path)
    assert first is not None
    both = {**later, **dict(itertools.islice(places.items(), 9))}  # some are known already
    record_index.write(path, first, both, {"s": 6, "t": 9}, lambda _d, old, _n: old)
    index = record_index.Index.open(path)
    assert index is not None
    assert index.entries == many + len(later)
    for digest, place in {**places, **later}.items():
        assert index.find(digest.hex()) == place
    assert all(index.find(os.urandom(32).hex()) is None for _ in range(50))
    assert index.covered == {"s": 6, "t": 9}
    index.close()
    first.close()


def test_every_flipped_byte_of_an_index_is_noticed_or_harmless(folder: Path) -> None:
    answers = fill(folder, 300)
    path = folder / "index"
    content = path.read_bytes()
    for at in [*range(0, 300, 5), *random.Random(3).sample(range(300, len(content)), 40)]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 64]) + content[at + 1 :])
        ledger = Ledger(folder)
        assert all(
            ledger.known({"n": n}) == answer for n, answer in itertools.islice(answers.items(), 0, 300, 7)
        )
        ledger.close()


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "other", "stale"])
def test_an_index_that_is_no_good_is_made_anew(folder: Path, tmp_path: Path, how: str) -> None:
    answers = fill(folder, 300)
    path = folder / "index"
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "stale":  # a segment that it knows took another name
        only_segment(folder).rename(folder / "segments" / "new.records")
    elif how == "other":
        fill(tmp_path / "elsewhere", 400)
        shutil.copy(tmp_path / "elsewhere" / "index", path)
    else:
        path.write_bytes(content[: len(content) // 2] if how == "cut" else b"")
    ledger = Ledger(folder)
    assert {n: ledger.known({"n": n}) for n in answers} == answers
    ledger.close()
    assert ledger_care.check(folder).damaged == ()


def test_records_beyond_what_memory_should_hold_go_to_the_index(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "_RECENT", 50)
    answers = fill(folder, 220)
    (folder / "index").unlink()
    ledger = Ledger(folder)
    assert len(ledger.record_files._recent) < 50
    assert {n: ledger.known({"n": n}) for n in answers} == answers
    ledger.close()


# --------------------------------------------------------------------------- damage


def test_each_byte_of_a_segment_flipped_loses_its_record_alone(folder: Path) -> None:
    answers = fill(folder, 3)
    segment = only_segment(folder)
    content = segment.read_bytes()
    ends = [*(at for at, byte in enumerate(content) if at and byte == 10), len(content)]
    order = [ledger_care._record(part).asked.request["n"] for _, part in ledger_care._parts(folder)]  # type: ignore[union-attr]
    noticed = 0
    for at in range(len(content)):
        for bit in (1 << at % 8,):
            segment.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
            ledger = Ledger(folder)
            hit = order[sum(end <= at for end in ends)]
            for number, answer in answers.items():
                found = ledger.known({"n": number})
                assert found == answer or (number == hit and found is None), (at, bit)
                noticed += found is None
            ledger.close()
    assert noticed > len(content) - 9


@pytest.mark.parametrize("index", [True, False])
def test_a_segment_cut_anywhere_keeps_what_stands_before(folder: Path, index: bool) -> None:
    answers = fill(folder, 300 if index else 4)
    assert (folder / "index").exists() is index
    segment = only_segment(folder)
    content = segment.read_bytes()
    for at in random.Random(5).sample(range(len(content)), 6):
        shutil.copytree(folder, work := folder.with_name(f"cut{at}"))
        only_segment(work).write_bytes(content[:at])
        ledger = Ledger(work)
        whole = content[:at].count(b"\n") - (at > 0 and content[at : at + 1] != b"\n" and at < len(content))
        known = [number for number in answers if ledger.known({"n": number}) is not None]
        assert len(known) == whole
        assert all(ledger.answer({"n": n}, lambda n=n: answers[n]) == answers[n] for n in answers)  # type: ignore[misc]
        ledger.close()
        again = Ledger(work)
        assert {n: again.known({"n": n}) for n in answers} == answers
        again.close()


def test_two_records_swapped_and_bytes_of_one_put_into_another(folder: Path) -> None:
    answers = fill(folder, 6)
    segment = only_segment(folder)
    lines = [b"\n" + line for line in segment.read_bytes().split(b"\n")[1:]]
    segment.write_bytes(b"".join(reversed(lines)))
    ledger = Ledger(folder)
    assert {n: ledger.known({"n": n}) for n in answers} == answers
    ledger.close()
    mixed = lines[0][:150] + lines[1][150:]  # a header with the body of another record
    segment.write_bytes(b"".join([mixed, *lines[2:]]))
    ledger = Ledger(folder)
    assert sum(ledger.known({"n": n}) is None for n in answers) == 2
    assert all(ledger.known({"n": n}) in (None, answer) for n, answer in answers.items())
    ledger.close()


def test_a_forged_record_of_another_request_is_not_served(folder: Path) -> None:
    """A seal can be made by anybody; the request inside must still be the one that is asked."""
    fill(folder, 1)
    real = Record(Asked.of("mine"), b"theirs", 0.0, 0.0)
    forged = Record(Asked(Asked.of("asked").digest, real.asked.request, 0), b"wrong", 0.0, 0.0)
    with only_segment(folder).open("ab") as stream:
        stream.write(frame_of(forged))
    ledger = Ledger(folder)
    assert ledger.known("asked") is None
    assert ledger.answer("asked", lambda: b"right") == b"right"
    ledger.close()
    again = Ledger(folder)
    assert again.known("asked") == b"right"
    again.close()


def test_an_answer_that_looks_like_a_record_is_an_answer(folder: Path) -> None:
    inner = frame_of(Record(Asked.of("inner"), b"forged", 0.0, 0.0))
    ledger = Ledger(folder)
    ledger.answer("outer", lambda: b"\n" + inner + b"\n" + inner)
    ledger.close()
    segment = only_segment(folder)
    content = segment.read_bytes()
    for at in range(0, len(content), 2):
        segment.write_bytes(content[:at] + bytes([content[at] ^ 2]) + content[at + 1 :])
        again = Ledger(folder)
        assert again.known("inner") is None
        again.close()


def test_what_was_damaged_is_asked_again_and_check_tells_and_repair_takes_it_out(folder: Path) -> None:
    answers = fill(folder, 5)
    segment = only_segment(folder)
    content = bytearray(segment.read_bytes())
    content[200] ^= 1
    segment.write_bytes(content)
    found = ledger_care.check(folder)
    assert found.records == 4
    assert len(found.damaged) == 1
    ledger = Ledger(folder)
    asked = [n for n in answers if ledger.known({"n": n}) is None]
    assert len(asked) == 1
    ledger.answer({"n": asked[0]}, lambda: b"anew")
    ledger.close()
    ledger_care.rewrite(folder, lambda record: False)
    found = ledger_care.check(folder)
    assert (found.records, found.damaged, found.torn) == (5, (), ())
    again = Ledger(folder)
    assert {n: again.known({"n": n}) for n in answers} == {**answers, asked[0]: b"anew"}
    again.close()


class Histories(RuleBasedStateMachine):
    """Records, kills, damage and lost indexes against a dict of every answer that was ever given."""

    numbers = st.integers(0, 11)
    rounds = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.root = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.ledger = Ledger(self.root / "ledger")
        self.given: dict[int, set[bytes]] = {}
        self.damaged = 0

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.root)

    @rule(number=numbers, size=st.sampled_from([0, 5, 300]))
    def ask(self, number: int, size: int) -> None:
        fresh = b"%d/%d " % (number, next(self.rounds)) + b"x" * size
        before = self.given.setdefault(number, set())
        answer = self.ledger.answer({"n": number}, lambda: fresh)
        assert answer == fresh or answer in before
        if answer == fresh and before:
            assert self.damaged
        before.add(answer)
        assert self.ledger.known({"n": number}) == answer

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.root / "ledger")

    @rule()
    def another_process_dies_while_it_writes(self) -> None:
        """What a kill leaves: the beginning of a record in a segment of its own, or behind sound ones."""
        frame = frame_of(Record(Asked.of({"n": 99}), b"torn", 0.0, 0.0))
        name = f"{next(self.rounds):032x}.records"
        (self.root / "ledger" / "segments" / name).write_bytes(frame[: random.randrange(len(frame))])

    @rule()
    def lose_the_index(self) -> None:
        (self.root / "ledger" / "index").unlink(missing_ok=True)

    @rule()
    def index_now(self) -> None:
        with self.ledger.record_files._lock:
            self.ledger.record_files._save_if_worth(1)

    @rule(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), index=st.booleans())
    def flip(self, where: float, bit: int, index: bool) -> None:
        files = sorted((self.root / "ledger" / "segments").iterdir())
        index = index and (self.root / "ledger" / "index").exists()
        if index:
            files = [self.root / "ledger" / "index"]
        files = [path for path in files if path.stat().st_size]
        if not files:
            return
        path = files[int(where * len(files))]
        with path.open("r+b") as stream:
            at = int(where * path.stat().st_size)
            stream.seek(at)
            byte = stream.read(1)[0]
            stream.seek(at)
            stream.write(bytes([byte ^ (1 << bit)]))
        self.damaged += not index

    @precondition(lambda self: self.given)
    @invariant()
    def nothing_wrong_is_served(self) -> None:
        missing = 0
        for number, answers in self.given.items():
            found = self.ledger.known({"n": number})
            assert found is None or found in answers
            missing += found is None
        assert missing <= self.damaged
        assert self.ledger.known({"n": 99}) is None


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_more_histories() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    long = settings(
        max_examples=CASES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Histories, settings=long)  # type: ignore[no-untyped-call]


# --------------------------------------------------------------------------- processes


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=120)
    return out.splitlines()


def test_eight_processes_ask_for_the_same_and_for_different_things(folder: Path) -> None:
    """Each request is one call, whoever asks; all that share a request get one answer."""
    ranges = [range(number * 20, number * 20 + 60) for number in range(8)]  # each overlaps the next two
    gate = folder.with_name("go")
    processes = [ledgers.start(folder, numbers, seconds=0.02, gate=gate) for numbers in ranges]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
    gate.touch()
    outputs = [lines_of(process) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outputs
    for output, numbers in zip(outputs, ranges, strict=True):
        assert sorted(output) == sorted(f"{n} {f'answer {n} ' * 2:.12}" for n in numbers)
    assert Counter(ledgers.calls(folder)) == Counter(range(200))
    found = ledger_care.check(folder)
    assert (found.records, found.damaged, found.torn) == (200, (), ())


def killed_rounds(folder: Path, rounds: int) -> None:
    """Kill a writer at random moments; what it printed as answered must be there and is never paid again."""
    random_ = random.Random(11)
    answered: set[int] = set()
    for number in range(rounds):
        first = 300 * (number // 3)
        process = ledgers.start(folder, range(first, first + 300), threads=16, seconds=0.002)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(random_.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        answered |= {int(line.split()[0]) for line in out.splitlines() if line.count(" ") == 3 or " " in line}
        paid = Counter(ledgers.calls(folder))
        ledger = Ledger(folder)
        for asked in answered:
            assert ledger.answer({"number": asked}, never) == f"answer {asked} ".encode() * 20
        ledger.close()
        recorded = sum(1 for _ in ledger_care.each(folder))
        assert recorded >= len(answered)
        # Only a call that was under way at a kill may be made again: at most one a thread and kill.
        assert sum(paid.values()) - len(paid) <= 16 * (number + 1)
        assert ledger_care.check(folder).damaged == ()
    assert answered


def test_news_that_one_thread_reads_is_news_to_all(folder: Path) -> None:
    """Of many threads that look for what another process has just recorded, none misses it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    writer, reader = Ledger(folder), Ledger(folder)
    start = threading.Barrier(4)

    def look(request: dict[str, int]) -> bytes | None:
        start.wait()
        return reader.known(request)

    try:
        with ThreadPoolExecutor(4) as pool:
            for number in range(200):
                writer.answer({"n": number}, lambda: b"paid")
                assert [*pool.map(look, [{"n": number}] * 4)] == [b"paid"] * 4
    finally:
        sys.setswitchinterval(before)
        writer.close()
        reader.close()


def test_what_was_answered_before_a_kill_is_there_after_it(folder: Path) -> None:
    killed_rounds(folder, 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_was_answered_before_many_kills_is_there_after_them(folder: Path) -> None:
    killed_rounds(folder, CASES // 3)


def test_a_full_disk_is_a_clean_error_and_what_was_answered_is_there(folder: Path) -> None:
    process = ledgers.start(folder, range(100), threads=4, limit=5000)
    lines = lines_of(process)
    assert process.returncode == 1, lines
    errors = [line for line in lines if line.startswith("StoreError no room while recording an answer")]
    assert len(errors) == 1, lines
    answered = [int(line.split()[0]) for line in lines if line[:1].isdigit()]
    assert 0 < len(answered) < 20
    assert len(ledgers.calls(folder)) <= len(answered) + 4  # nothing more was paid for
    ledger = Ledger(folder)
    for number in answered:
        assert ledger.answer({"number": number}, never).startswith(b"answer")
    ledger.answer("more", lambda: b"room again")
    ledger.close()
    assert ledger_care.check(folder).damaged == ()


def test_a_ledger_that_could_not_record_is_opened_anew_by_the_next_build(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    ledger = opened(folder)
    ledger._appender.failure = StoreError("no room")
    with pytest.raises(StoreError, match="no room"):
        ledger.answer("r", never)
    assert opened(folder).answer("r", lambda: b"yes") == b"yes"
    close_all()


def test_a_forked_child_records_beside_its_parent(folder: Path) -> None:
    parent = opened(folder)
    parent.answer("before", lambda: b"1")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ledger = opened(folder)
            assert ledger is not parent
            assert ledger.answer("before", never) == b"1"
            ledger.answer("child", lambda: b"2")
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert parent.answer("child", never) == b"2"
    close_all()


def test_a_newer_ledger_and_a_file_in_its_place_are_refused(folder: Path, tmp_path: Path) -> None:
    fill(folder, 1)
    (folder / "FORMAT").write_text("p2m-ledger 9\n")
    with pytest.raises(StoreError, match="upgrade p2m"):
        Ledger(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Ledger(tmp_path / "file")


def test_the_ledger_is_not_imported_by_planning() -> None:
    code = "import sys, p2m.engine.plan; print([m for m in sys.modules if 'engine.recording' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
