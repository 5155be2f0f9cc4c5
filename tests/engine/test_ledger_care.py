"""Adding a ledger up, erasing from it for good, and moving its records to another machine."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import fill

from p2m.engine.recording import care as ledger_care
from p2m.engine.recording.care import Query
from p2m.engine.recording.index import Index
from p2m.engine.recording.ledger import Ledger
from p2m.engine.recording.records import Asked, canonical, seal
from p2m.engine.recording.transfer import export, import_file
from p2m.errors import StoreError, UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def test_totals_go_by_label_with_what_was_paid(folder: Path) -> None:
    ledger = Ledger(folder)
    for number in range(10):
        labels = {"model": "big" if number < 3 else "small", "cost": 0.25, "batch": number}
        ledger.answer({"n": number}, lambda: b"x", labels=labels)
    ledger.close()
    totals = ledger_care.add_up(folder)
    assert (totals.records, totals.cost) == (10, 2.5)
    assert (totals.labels["model"]["small"].records, totals.labels["model"]["small"].cost) == (7, 1.75)
    assert len(totals.labels["batch"]) == 10
    assert totals.first is not None
    assert totals.last is not None
    assert totals.first <= totals.last
    big = ledger_care.add_up(folder, query=ledger_care.Query({"model": "big"}))
    assert (big.records, big.cost, list(big.labels["model"])) == (3, 0.75, ["big"])


@pytest.mark.parametrize("text", ["4711", "Grüße 😀", "spaced"])
def test_numbers_and_escapes_among_other_text_are_found_too(folder: Path, text: str) -> None:
    ledger = Ledger(folder)
    ledger.answer({"user": 4711}, lambda: b"a")
    ledger.answer({"p": "1"}, lambda: b'Here: ```json {"x": "Gr\\u00fc\\u00dfe \\ud83d\\ude00"}```')
    ledger.answer({"p": "2"}, lambda: b'\n {"x": "sp\\u0061ced"}')
    ledger.answer({"p": True}, lambda: b"nothing")
    ledger.close()
    assert sum(Query(matching=text).selects(record) for record in ledger_care.each(folder)) == 1


@pytest.mark.parametrize("text", ["Müller", "MÜLLER", "Mu\u0308ller", "line\nbreak", "deep"])
def test_text_is_found_however_it_is_written(folder: Path, text: str) -> None:
    ledger = Ledger(folder)
    ledger.answer({"p": "from Müller"}, lambda: b"a")
    ledger.answer({"p": "2"}, lambda: b'{"content": "to M\\u00fcller"}')
    ledger.answer({"p": "3"}, lambda: b'{"content": "{\\"name\\": \\"M\\\\u00fcller deep\\"}"}')
    ledger.answer({"p": "a line\nbreak"}, lambda: b"\xff\xfe")
    ledger.answer({"p": "nobody"}, lambda: b"nothing")
    ledger.close()
    found = [record for record in ledger_care.each(folder) if Query(matching=text).selects(record)]
    assert len(found) == {"line\nbreak": 1, "deep": 1}.get(text, 3)


def test_erasing_takes_the_bytes_away_keeps_the_rest_and_says_so_without_the_words(folder: Path) -> None:
    answers = fill(folder, 300)
    ledger = Ledger(folder)
    ledger.answer({"p": "call Zebedee Quux"}, lambda: b"secret", labels={"user": "zq"})
    with pytest.raises(StoreError, match="open"):
        ledger_care.erase(folder, Query(matching="zebedee"))
    ledger.close()
    assert ledger_care.erase(folder, Query(matching="zebedee")).records == 1
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(b"Zebedee" in content or b"zebedee" in content for content in files)
    log = (folder / "erased.jsonl").read_text()
    assert '"records": 1' in log
    assert '"text": true' in log
    ledger = Ledger(folder)
    assert ledger.known({"p": "call Zebedee Quux"}) is None
    assert {n: ledger.known({"n": n}) for n in answers} == answers
    ledger.close()
    assert ledger_care.erase(folder, Query(where={"digest": Asked.of({"n": 1}).digest[:12]})).records == 1
    with pytest.raises(UserError, match="which records"):
        ledger_care.erase(folder, Query())


def test_erasing_also_takes_what_an_erasure_that_was_killed_has_left(folder: Path) -> None:
    fill(folder, 3)
    ledger = Ledger(folder)
    ledger.answer({"p": "call Zebedee Quux"}, lambda: b"secret")
    ledger.answer({"p": "call Ada Marsh"}, lambda: b"secret")
    ledger.close()
    program = (
        "import os, signal, sys; from pathlib import Path; from p2m.engine.recording import care\n"
        "os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
        "care.erase(Path(sys.argv[1]), care.Query(matching='Zebedee'))"
    )
    killed = subprocess.run([sys.executable, "-c", program, folder], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ledger_care.erase(folder, Query(matching="Ada Marsh")).records == 1
    assert not any(b"Ada Marsh" in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_records_travel_and_the_first_one_wins(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    answers = fill(here, 50, model="m")
    ledger = Ledger(here)
    ledger.answer({"x": float("inf")}, lambda: b"\xff\x00", sample=3)
    done = export(ledger, ledger.record_files.digests(), tmp_path / "one.jsonl.gz")
    export(ledger, reversed(ledger.record_files.digests()), tmp_path / "two.jsonl.gz")
    assert (done.records, done.missing) == (51, 0)
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()
    assert export(ledger, ["0" * 64], tmp_path / "none.gz").missing == 1
    ledger.close()
    other = Ledger(there)
    other.answer({"n": 7}, lambda: b"mine")
    first = import_file(other, tmp_path / "one.jsonl.gz")
    assert (first.added, first.known, first.damaged) == (50, 0, ())
    assert first.conflicts == (Asked.of({"n": 7}).digest,)
    again = import_file(other, tmp_path / "one.jsonl.gz")
    assert (again.added, again.known, len(again.conflicts)) == (0, 50, 1)
    assert {n: other.known({"n": n}) for n in answers} == {**answers, 7: b"mine"}
    assert other.known({"x": float("inf")}, sample=3) == b"\xff\x00"
    other.close()
    (kept,) = (record for record in ledger_care.each(there) if record.asked.request == {"n": 9})
    (was,) = (record for record in ledger_care.each(here) if record.asked.request == {"n": 9})
    assert kept == was  # with its time, its seconds and its labels


def test_a_damaged_export_gives_what_is_sound_and_names_the_lines(tmp_path: Path) -> None:
    fill(tmp_path / "here", 20)
    ledger = Ledger(tmp_path / "here")
    file = tmp_path / "x.jsonl.gz"
    export(ledger, ledger.record_files.digests(), file)
    ledger.close()
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    lines[5] = lines[5].replace(b"answer ", b"answar ")
    lines[8] = lines[8].replace(b'"n"', b'"m"')
    lines[9] = b"[]\n"
    file.write_bytes(gzip.compress(b"".join(lines)))
    other = Ledger(tmp_path / "there")
    done = import_file(other, file)
    assert (done.added, done.damaged) == (17, (6, 9, 10))
    file.write_bytes(gzip.compress(b"".join(lines))[:-300])
    assert import_file(other, file).damaged
    for wrong in (b"", b"no gzip", gzip.compress(b'{"some": "json"}\n')):
        file.write_bytes(wrong)
        with pytest.raises(UserError, match="not a file that"):
            import_file(other, file)
    file.write_bytes(gzip.compress(b'{"p2m_ledger": 7}\n'))
    with pytest.raises(UserError, match="format 7"):
        import_file(other, file)
    with pytest.raises(UserError, match="cannot be read"):
        import_file(other, tmp_path / "nowhere.gz")
    other.close()


@pytest.mark.parametrize("time", [1e300, -1.0, "nan", "1", True, None, [1]])
def test_an_import_leaves_out_records_of_impossible_times(tmp_path: Path, time: object) -> None:
    fill(tmp_path / "here", 2)
    ledger = Ledger(tmp_path / "here")
    file = tmp_path / "x.jsonl.gz"
    export(ledger, ledger.record_files.digests(), file)
    ledger.close()
    head, first, second = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    line = json.loads(first)
    line["record"]["time"] = time
    line["seal"] = seal(line["digest"], canonical(line["record"]))
    file.write_bytes(gzip.compress(head + canonical(line) + b"\n" + second))
    other = Ledger(tmp_path / "there")
    done = import_file(other, file)
    assert (done.added, done.damaged) == (1, (2,))
    other.close()


def test_a_check_that_a_writer_overtakes_finds_nothing_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, 300)
    read = Index.open

    def overtaken(path: Path) -> Index | None:
        monkeypatch.undo()
        fill(folder, 700)  # the segment grows, and a new index covers what has been added
        return read(path)

    monkeypatch.setattr(Index, "open", overtaken)
    assert ledger_care.check(folder).damaged == ()
    assert ledger_care.check(folder).records == 700
