"""Files of many rows: ended in the middle they go on, and memory does not grow with them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from test_tables import bundle_of

from p2m.cli import arguments, verbs
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.shipping import lay_out, shipped
from p2m.stages.package import ASKING

# Ends itself, as kill -9 does, once that many answers are kept.
KILLED = """
import os, runpy, signal, sys
here, limit = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, here)
import predict
from importlib import import_module
Part = import_module("predict.part").Part
add = Part.add
def dies(self, answers):
    add(self, answers)
    dies.count = getattr(dies, "count", 0) + len(answers)
    if dies.count >= limit:
        os.kill(os.getpid(), signal.SIGKILL)
Part.add = dies
sys.exit(import_module("predict.command").main(sys.argv[3:]))
"""
PEAK = r"""
import re, sys
sys.path.insert(0, sys.argv[1])
import predict
from importlib import import_module
code = import_module("predict.command").main(sys.argv[2:])
with open("/proc/self/status") as told:  # ru_maxrss begins at what the parent has
    print(re.search(r"VmHWM:\s*(\d+)", told.read())[1])
sys.exit(code)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = bundle_of(tmp_path_factory.mktemp("bundle"), "text")
    lay_out(shipped(folder / "model", ONNX) | ASKING, folder)
    return folder


def rows_in(path: Path, count: int, text: str = "fine") -> Path:
    """Every third one is empty, every second one bad."""
    texts = ["" if n % 3 == 0 else f"{text} {n}" if n % 2 else f"poor {n}" for n in range(count)]
    if path.suffix == ".parquet":
        columns = {"n": list(range(count)), "text": texts}
        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=700)
    elif path.suffix == ".csv":
        path.write_text("n,text\r\n" + "".join(f"{n},{each}\r\n" for n, each in enumerate(texts)))
    else:
        path.write_text("".join(json.dumps({"n": n, "text": each}) + "\n" for n, each in enumerate(texts)))
    return path


def asked(
    bundle: Path, *typed: str | Path, within: Path, program: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    start = ["-c", program[0], str(bundle), *program[1:]] if program else [str(bundle / "predict.py")]
    return subprocess.run(
        [sys.executable, *start, *map(str, typed)], cwd=within, capture_output=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "made"),
    [("a.csv", "o.csv"), ("a.parquet", "o.parquet"), ("a.jsonl", "o.json")],
)
def test_a_killed_command_goes_on_to_the_same_bytes(
    bundle: Path, tmp_path: Path, given: str, made: str
) -> None:
    rows_in(tmp_path / given, 2000)
    (tmp_path / made).write_text("before")
    for _ in range(2):
        killed = asked(bundle, given, made, within=tmp_path, program=(KILLED, "600"))
        assert killed.returncode == -signal.SIGKILL
        assert (tmp_path / made).read_text() == "before"
    done = asked(bundle, given, made, within=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"1,216 of 2,000 rows were answered before: going on from there" in done.stderr
    assert b"667 of 2,000 rows have an empty input" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given, made])
    ended = (tmp_path / made).read_bytes()
    assert asked(bundle, given, "whole" + Path(made).suffix, within=tmp_path).returncode == 0
    assert ended == (tmp_path / f"whole{Path(made).suffix}").read_bytes()


def test_other_rows_and_other_options_start_again_and_say_so(bundle: Path, tmp_path: Path) -> None:
    rows_in(tmp_path / "a.csv", 400)
    assert asked(bundle, "a.csv", "o.csv", within=tmp_path, program=(KILLED, "100")).returncode < 0
    rows_in(tmp_path / "a.csv", 400, "fine indeed")
    done = asked(bundle, "a.csv", "o.csv", within=tmp_path)
    assert b"o.csv.part is of other rows, another model or other options" in done.stderr
    assert done.returncode == 0
    assert (tmp_path / "o.csv").read_text().splitlines()[2] == "1,fine indeed 1,good,0.7311"


def test_the_same_bytes_by_another_name_are_other_rows(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "text\n" + "".join(f"{'fine' if n % 2 else 'poor'} {n}\n" for n in range(400))
    )
    assert asked(bundle, "a.txt", "o.jsonl", within=tmp_path, program=(KILLED, "100")).returncode < 0
    (tmp_path / "a.txt").rename(tmp_path / "a.csv")
    done = asked(bundle, "a.csv", "o.jsonl", within=tmp_path)
    assert b"starting anew" in done.stderr
    assert '"fine 1", "label": "good"' in (tmp_path / "o.jsonl").read_text().splitlines()[1]


def test_a_damaged_part_is_read_as_far_as_it_is_whole(bundle: Path, tmp_path: Path) -> None:
    rows_in(tmp_path / "a.csv", 400)
    assert asked(bundle, "a.csv", "o.csv", within=tmp_path, program=(KILLED, "100")).returncode < 0
    part = tmp_path / "o.csv.part"
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([*lines[:50], b"\0" * 20 + b"\n", *lines[51:], b'["good", 0.']))
    done = asked(bundle, "a.csv", "o.csv", within=tmp_path)
    assert b"49 of 400 rows were answered before" in done.stderr
    assert asked(bundle, "a.csv", "w.csv", within=tmp_path).returncode == 0
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_two_commands_do_not_write_the_same_answers(bundle: Path, tmp_path: Path) -> None:
    rows_in(tmp_path / "a.csv", 4)
    held = "f = open('o.csv.part', 'ab'); fcntl.flock(f, 2); print(flush=True); time.sleep(60)"
    holder = f"import fcntl, time; {held}"
    with subprocess.Popen([sys.executable, "-c", holder], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = asked(bundle, "a.csv", "o.csv", within=tmp_path)
        process.kill()
    assert done.returncode == 2
    assert b"o.csv.part: another command is writing these answers" in done.stderr


def test_ctrl_c_keeps_what_is_answered(bundle: Path, tmp_path: Path) -> None:
    rows_in(tmp_path / "a.csv", 2000)
    program = KILLED.replace("SIGKILL", "SIGINT")
    done = asked(bundle, "a.csv", "o.csv", within=tmp_path, program=(program, "600"))
    assert done.returncode == 130
    assert b"kept in o.csv.part, and the same command goes on" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "o.csv.part"]


@pytest.mark.parametrize(
    ("name", "starts"), [("a.csv", b"n,text,label"), ("a.jsonl", b'{"n": 0'), ("a.parquet", b"PAR1")]
)
def test_rows_on_standard_input_are_told_apart(
    bundle: Path, tmp_path: Path, name: str, starts: bytes
) -> None:
    file, made = rows_in(tmp_path / name, 5), tmp_path / f"o{Path(name).suffix}"
    with file.open("rb") as stream:
        done = subprocess.run([sys.executable, str(bundle / "predict.py"), "-", str(made)], stdin=stream,
                              capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"2 of 5 rows have an empty input, and so no answer: standard input" in done.stderr
    assert made.read_bytes().startswith(starts)


@pytest.mark.parametrize(
    ("given", "first", "said"),
    [
        ("fine, if a bit late\n", "fine, if a bit late\t", "every line is answered as one text"),
        ("label\n", "label\t", "every line is answered as one text"),
        ("[urgent] call me", "[urgent] call me\t", "every line is answered as one text"),
        ("fine\nbad\n\nfine; but late\n", "fine\t", "every line is answered as one text"),
        ("Late, is it?\nNo, it was not\n", "Late, is it?\t", "every line is answered as one text"),
        ("n,Body\n1,fine\n2,bad\n", "n,Body,label,label_score", "text <- Body"),
        ("n,remark\n1,fine\n2,bad\n", "n,remark,label,label_score", "text <- remark"),
        ("text\nfine\n", "text,label,label_score", "1 rows"),
        ("text\n", "", "there are no rows in it"),
        ("id,comment,remark\n1,fine,well\n", "", "--column"),
        ("this,that\nfine,well\n", "", "no column 'text'; it has this, that"),
        ('[{"text": "fine"', "", "not JSON"),
    ],
)  # fmt: skip
def test_lines_on_standard_input_are_texts_where_the_first_names_no_columns(
    bundle: Path, given: str, first: str, said: str
) -> None:
    done = subprocess.run([sys.executable, str(bundle / "predict.py"), "-"], input=given, encoding="utf-8",
                          capture_output=True, check=False)  # fmt: skip
    assert done.stdout.startswith(first)
    assert said in done.stderr
    assert done.returncode == (0 if first else 2)


def test_places_may_stand_among_options_of_p2m_predict_too(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("n,body\n1,fine\n")

    def typed(*words: str) -> int:
        argv = ["predict", str(bundle), *words]
        return int(verbs.verb("predict").run(arguments.parse(argv), argv))

    assert typed("a.csv", "--column", "text=body", "o.jsonl") == 0
    assert json.loads(Path("o.jsonl").read_text()) == {
        "n": "1", "body": "fine", "label": "good", "label_score": 0.7311,
    }  # fmt: skip
    assert typed("a.csv", "--output", "p.csv") == 0
    assert Path("p.csv").read_text() == "n,body,label,label_score\n1,fine,good,0.7311\n"
    assert typed("no.csv", "o.csv") == 2
    assert typed("a.csv", "o.csv", "--output", "p.csv") == 2
    assert "no.csv: there is no such file" in (said := capfd.readouterr().err)
    assert "where do the answers go? give one" in said


def test_columns_of_json_lines_get_a_type_from_all_rows(bundle: Path, tmp_path: Path) -> None:
    lines = [{"text": "fine", "n": n, "m": n, "d": {"a": n}} for n in range(5001)]
    lines += [{"text": "poor", "n": 0.5, "m": "x", "d": {"b": "y"}, "late": True}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert asked(bundle, "a.jsonl", "o.parquet", within=tmp_path).returncode == 0
    made = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert [str(made.schema.field(name).type) for name in ("n", "m", "late")] == ["double", "string", "bool"]
    assert made["m"].to_pylist()[-2:] == ["5000", "x"]
    assert made["d"].to_pylist()[-1] == {"a": None, "b": "y"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
@pytest.mark.parametrize(
    ("name", "made"), [("a.csv", "o.csv"), ("a.jsonl", "o.parquet"), ("a.parquet", "o.parquet")]
)
def test_memory_does_not_grow_with_the_rows(bundle: Path, tmp_path: Path, name: str, made: str) -> None:
    peaks = []
    for count in (5_000, 100_000):
        rows_in(tmp_path / name, count, "fine words " * 40)
        done = asked(bundle, name, made, within=tmp_path, program=(PEAK,))
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    print(f"{name} -> {made}: {peaks[0]:.0f} MiB of 5,000 rows, {peaks[1]:.0f} MiB of 100,000")
    assert peaks[1] < peaks[0] + 25, peaks  # the larger file is 30 to 50 MB
