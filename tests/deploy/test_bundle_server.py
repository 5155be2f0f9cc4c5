"""The server that bundles ship, as its clients meet it: a process without p2m, and real connections."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import LABELS, QA, RECORD, SPANS, Exports, rows_of
from servers import Reply, Running, bundle_of, serving, until

from p2m.deploy.serving.predictor import Predictor

TOKEN = "a-token-of-thirty-two-letters-or"
OTHER = "another-token-of-more-letters-xx"


@pytest.fixture(scope="module")
def labels(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "desk"
    return bundle_of(exports["classification"][1], folder, LABELS, rows_of(LABELS), "desk")


@pytest.fixture(scope="module")
def served(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With small limits, a log of feedback, and a second bundle as a shadow."""
    log = tmp_path_factory.mktemp("logs") / "judged.jsonl"
    limits = ("--max-body", "20000", "--max-rows", "40", "--queue", "64", "--body-timeout", "1")
    pair = (str(labels), f"next={labels}", "--shadow", "next")
    with serving(labels, *pair, *limits, "--feedback", str(log)) as running:
        running.feedback = log  # type: ignore[attr-defined]
        yield running


ROWS = [row.input for row in rows_of(LABELS)]


def test_one_row_and_many_are_answered_as_the_predictor_answers(served: Running, labels: Path) -> None:
    expected = Predictor(labels / "model").predict(ROWS[:30])
    one = served.ask("/predict", ROWS[0])
    assert (one.status, one.headers["content-type"]) == (200, "application/json")
    assert one.json == {
        "output": expected[0].output, "score": round(expected[0].score, 4), "abstain": False,
        "id": one.headers["x-request-id"], "model": "desk",
    }  # fmt: skip
    many = served.ask("/predict", ROWS[:30]).json
    assert [each["output"] for each in many["answers"]] == [each.output for each in expected]
    assert [each["score"] for each in many["answers"]] == [round(each.score, 4) for each in expected]
    assert served.ask("/predict", ROWS[0]["text"]).json["output"] == expected[0].output
    assert served.ask("/models/next/predict", ROWS[0]).json["model"] == "next"


def test_what_is_served_is_described_with_the_tasks_own_schema_and_examples(served: Running) -> None:
    api = served.ask("/openapi.json").json
    asked = api["paths"]["/predict"]["post"]
    content = asked["requestBody"]["content"]["application/json"]
    assert content["schema"]["anyOf"][0]["required"] == ["text"]
    assert content["examples"]["row 1"]["value"] == ROWS[0]
    said = asked["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]
    assert said["properties"]["output"]["enum"] == list(LABELS.labels)
    assert "/models/next/predict" in api["paths"]
    assert {served.ask(path).status for path in ("/docs", "/redoc")} == {404}  # whose scripts are elsewhere
    found = served.ask("/v1/models").json
    assert [each["id"] for each in found["data"]] == ["desk", "next"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/predict", b"{", 400, "not JSON"),
        ("/predict", b'{"text": "\xff"}', 400, "not UTF-8: byte 10 is 0xff"),
        ("/predict", b'{"text": "a", "text": "b"}', 400, "stands twice"),
        ("/predict", b"[" * 5000 + b"]" * 5000, 400, "nested too deeply"),
        ("/predict", {"txt": "a"}, 422, 'no "text"; expected "text", there is "txt"'),
        ("/predict", {"text": 3}, 422, '"text" must be text, not a number'),
        ("/predict", {"text": "  "}, 422, '"text" is empty'),
        ("/predict", b'{"text": "\\ud800"}', 422, "half a surrogate pair"),
        ("/predict", [], 422, "1 to 40 rows, not 0"),
        ("/predict", [{"text": "a"}] * 41, 422, "1 to 40 rows, not 41"),
        ("/predict", [{"text": "a"}, 3], 422, "row 1: expected an object"),
        ("/predict", {"text": "a" * 20000}, 413, "more than 20,000 bytes"),
        ("/predict", None, 405, "this one answers POST"),
        ("/nothing", {}, 404, "no such route"),
        ("/models/other/predict", {}, 404, "no such route"),
        ("/feedback", {"judged": "wrong"}, 422, 'must have "id"'),
        ("/feedback", {"id": "x", "judged": "right"}, 404, "no request x of late"),
        ("/feedback", {"input": ROWS[0], "judged": "bad"}, 422, "judged must be"),
        ("/feedback", {"input": ROWS[0], "judged": "wrong", "answer": "maybe"}, 422, '"no", "yes"'),
        ("/v1/chat/completions", {"model": "desk"}, 422, 'must have "messages"'),
        ("/v1/chat/completions", {"model": "x", "messages": [{"role": "user", "content": "a"}]}, 404,
         "no model x; there is desk, next"),
        ("/v1/chat/completions", {"messages": [{"role": "system", "content": "a"}]}, 422, "the role user"),
        ("/v1/responses", {"input": " "}, 422, "text that is not blank"),
        ("/v1/responses", {"input": "a", "previous_response_id": "r"}, 422, "must be null"),
        ("/v1/responses", b"\xff", 400, "not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_form(
    served: Running, path: str, body: object, status: int, said: str
) -> None:
    found = served.ask(path, body)
    assert found.status == status
    if path.startswith("/v1/"):
        assert said in found.json["error"]["message"]
        assert found.json["error"]["type"].endswith("_error")
    else:
        assert found.headers["content-type"] == "application/problem+json"
        assert said in found.json["detail"]
        assert found.json["status"] == status
    assert found.headers["x-request-id"]


def test_a_page_of_another_site_cannot_ask(served: Running) -> None:
    plain = served.ask("/predict", b'{"text": "a"}', headers={"Content-Type": "text/plain"})
    assert plain.status == 415
    other = served.ask("/predict", ROWS[0], headers={"Host": "evil.example"})
    assert (other.status, "only as localhost" in other.json["detail"]) == (421, True)


def test_feedback_is_appended_by_id_or_by_row(served: Running) -> None:
    log: Path = served.feedback  # type: ignore[attr-defined]
    asked = served.ask("/predict", ROWS[:3]).json
    said = {"id": asked["id"], "row": 2, "judged": "wrong", "answer": "yes", "note": "seen"}
    assert served.ask("/feedback", said).status == 200
    assert served.ask("/feedback", {"input": ROWS[5], "judged": "right"}).status == 200
    assert served.ask("/feedback", said | {"row": 3}).status == 422
    first, second = (json.loads(line) for line in log.read_text().splitlines()[-2:])
    assert (first["id"], first["input"], first["judged"]) == (asked["id"], ROWS[2], "wrong")
    assert (first["answer"], first["note"], first["from"]) == ("yes", "seen", "server")
    assert first["output"] == asked["answers"][2]["output"]
    assert first["bundle"].startswith("desk@")
    assert (second["input"], second["judged"], second["answer"]) == (ROWS[5], "right", None)
    assert "judged" in log.read_text()
    assert served.metric('p2m_judged_total{judged="wrong",model="desk"}') >= 1


def test_the_shadow_is_asked_and_counted_and_never_heard(served: Running) -> None:
    agreed = 'p2m_shadow_rows_total{model="desk",outcome="agreed",shadow="next"}'
    before = served.metric(agreed)
    assert served.ask("/predict", ROWS[:4]).json["model"] == "desk"
    assert until(lambda: served.metric(agreed) == before + 4)
    assert served.metric('p2m_shadow_rows_total{model="desk",outcome="disagreed",shadow="next"}') == 0


def test_the_log_has_a_line_a_request_without_its_input(served: Running) -> None:
    found = served.ask("/predict", {"text": "Zanzibar Quito"})
    line = until(lambda: [each for each in served.lines() if each["id"] == found.json["id"]])[0]
    assert (line["method"], line["path"], line["status"], line["rows"]) == ("POST", "/predict", 200, 1)
    assert "Zanzibar" not in served.log.read_text()
    assert served.metric('p2m_requests_total{route="/predict",status="200"}') >= 1


# --------------------------------------------------------------------------- hostile clients


def raw(served: Running, data: bytes, *, close: bool = False) -> bytes:
    """What comes back on a connection of its own, until the server ends it."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as link:
        link.sendall(data)
        if close:
            return b""
        found = b""
        while part := link.recv(65536):
            found += part
        return found


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_slow_body_is_answered_and_let_go(served: Running) -> None:
    found = raw(served, HEAD + b'Content-Length: 100\r\n\r\n{"text": "')
    assert b"408 " in found.splitlines()[0]
    assert b"did not arrive within 1 s" in found


def test_slow_and_endless_headers_are_let_go(served: Running) -> None:
    assert raw(served, b"") == b""
    assert raw(served, b"POST /predict HTTP/1.1\r\nHost: loc") == b""
    endless = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000
    with suppress(ConnectionError):
        assert raw(served, endless) == b""
    assert b"400 " in raw(served, b"\x00\xff nonsense\r\n\r\n").splitlines()[0]
    assert served.ask("/healthz").status == 200


def test_a_huge_body_is_refused_before_it_is_read(served: Running) -> None:
    found = raw(served, HEAD + b"Content-Length: 99999999999\r\n\r\n{")
    assert b"413 " in found.splitlines()[0]


def test_chunks_are_counted(served: Running) -> None:
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    found = raw(
        served, HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 8 + b"0\r\n\r\n"
    )
    assert b"413 " in found.splitlines()[0]


def test_clients_that_hang_up_leave_no_rows_behind(served: Running) -> None:
    body = json.dumps(ROWS[:40]).encode()
    for _ in range(20):
        raw(served, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, close=True)
        raw(served, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[:99], close=True)
    assert until(lambda: served.metric('p2m_rows_waiting{model="desk"}') == 0)
    assert until(lambda: served.metric("p2m_requests_in_flight") == 1)  # the one that asks
    assert served.ask("/predict", ROWS[0]).status == 200


def at_once(served: Running, number: int, body: object) -> list[Reply]:
    """Replies of so many connections that ask together."""
    found: list[Reply] = []
    gate = threading.Barrier(number)

    def ask() -> None:
        gate.wait()
        found.append(served.ask("/predict", body))

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def test_more_than_fits_is_refused_at_once_with_a_time_to_come_back(served: Running) -> None:
    found = at_once(served, 24, ROWS[:40])
    assert {each.status for each in found} == {200, 429}
    for each in found:
        if each.status == 429:
            assert 1 <= int(each.headers["Retry-After"]) <= 60
            assert "64 rows wait at most" in each.json["detail"]
    assert served.ask("/predict", ROWS[0]).status == 200


@pytest.mark.slow
def test_a_thousand_connections_at_once_are_all_answered(labels: Path) -> None:
    with serving(labels, "--queue", "256", "--max-rows", "16") as running:
        found = at_once(running, 1000, ROWS[0])
        assert len(found) == 1000
        assert {each.status for each in found} <= {200, 429}
        assert sum(each.status == 200 for each in found) >= 256
        idle = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(1000)]
        assert running.ask("/predict", ROWS[0]).status == 200
        for each in idle:
            each.close()


# --------------------------------------------------------------------------- tokens, several bundles, the end


@pytest.fixture(scope="module")
def guarded(labels: Path, exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Three kinds of bundles, of which each is opened by its own files, and two tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    spans = bundle_of(exports["span"][1], folder / "qa", QA, rows_of(QA), "qa")
    record = bundle_of(exports["records"][1], folder / "homes", RECORD, rows_of(RECORD), "homes")
    tags = bundle_of(exports["tags"][1], folder / "people", SPANS, rows_of(SPANS), "people")
    place = folder / "tokens"
    place.write_text(f"# of the desk\n{TOKEN}\n\n")
    several = (str(labels), str(spans), str(record), str(tags), f"fresh={labels}", "--canary", "fresh=0.5")
    log = folder / "seen.jsonl"
    options = ("--token-file", str(place), "--record", str(log))
    with serving(labels, *several, *options, tokens=OTHER) as running:
        running.record = log  # type: ignore[attr-defined]
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_only_those_with_a_token_are_let_in(guarded: Running) -> None:
    for token in (TOKEN, OTHER):
        assert guarded.ask("/predict", ROWS[0], headers=bearer(token)).status == 200
    wrong = ({}, bearer(""), bearer(TOKEN[:-1]), bearer(f"{TOKEN}{OTHER}"), {"Authorization": TOKEN})
    for headers in wrong:
        for path in ("/predict", "/v1/chat/completions", "/metrics", "/openapi.json", "/nothing"):
            found = guarded.ask(path, ROWS[0], headers=headers)
            assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")
            assert found.json
    assert guarded.ask("/healthz").status == guarded.ask("/readyz").status == 200


def test_each_bundle_answers_with_its_own_fields_and_files(guarded: Running) -> None:
    row = rows_of(QA)[0].input
    found = guarded.ask("/models/qa/predict", row, headers=bearer(TOKEN))
    assert found.json["output"] in row["context"]
    home = guarded.ask("/models/homes/predict", rows_of(RECORD)[0].input, headers=bearer(TOKEN)).json[
        "output"
    ]
    assert set(home) == {"who", "big"}
    people = guarded.ask("/models/people/predict", rows_of(SPANS)[0].input, headers=bearer(TOKEN)).json
    assert isinstance(people["output"], list)
    assert guarded.ask("/models/qa/predict", ROWS[0], headers=bearer(TOKEN)).status == 422


def test_the_canary_has_its_share_and_keeps_its_inputs(guarded: Running) -> None:
    def who() -> list[str]:
        return [guarded.ask("/predict", row, headers=bearer(TOKEN)).json["model"] for row in ROWS[:24]]

    first = who()
    assert {*first} == {"desk", "fresh"}
    assert who() == first


def test_inputs_are_recorded_where_that_was_asked_for(guarded: Running) -> None:
    log: Path = guarded.record  # type: ignore[attr-defined]
    found = guarded.ask("/predict", {"text": "Timbuktu"}, headers=bearer(TOKEN)).json
    assert until(lambda: "Timbuktu" in log.read_text())
    entry = next(each for each in map(json.loads, log.read_text().splitlines()) if each["id"] == found["id"])
    assert (entry["input"], entry["output"]) == ({"text": "Timbuktu"}, found["output"])
    assert (entry["judged"], entry["from"]) == (None, "server")
    assert entry["bundle"].startswith(f"{found['model']}@")


def test_a_row_that_is_only_judged_is_no_traffic(guarded: Running) -> None:
    log: Path = guarded.record  # type: ignore[attr-defined]
    headers = bearer(TOKEN)

    def answers() -> float:
        lines = guarded.ask("/metrics", headers=headers).body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("p2m_score_count"))

    before = answers()
    said = {"input": {"text": "Ouagadougou"}, "judged": "right"}
    assert guarded.ask("/feedback", said, headers=headers).status == 200
    assert answers() == before
    assert guarded.ask("/predict", {"text": "Antananarivo"}, headers=headers).status == 200
    assert answers() == before + 1
    assert until(lambda: "Antananarivo" in log.read_text())  # what is seen is written in its order
    found = [json.loads(line) for line in log.read_text().splitlines() if "Ouagadougou" in line]
    assert [each["judged"] for each in found] == ["right"]


def test_what_was_begun_is_finished_after_sigterm(labels: Path) -> None:
    with serving(labels) as running:
        found: list[Reply] = []
        rows = [{"text": f"{row['text']} {n}"} for n in range(12) for row in ROWS]
        thread = threading.Thread(target=lambda: found.append(running.ask("/predict", rows)))
        thread.start()
        assert until(lambda: running.metric("p2m_requests_in_flight") == 2)
        code, log = running.stop()
        thread.join()
    assert (code, len(found[0].json["answers"])) == (0, len(rows))
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--host", "0.0.0.0"), 2, "so it takes a token: --token-file FILE, or P2M_SERVE_TOKENS"),
        (("--canary", "new=0.1"), 2, "--canary new: expected a model beside the first, desk"),
        (("--canary", "new"), 2, "expected NAME=SHARE"),
        (("--max-rows", "9", "--queue", "8"), 2, "--max-rows 9 would never fit into --queue 8"),
        (("--record", "/nowhere/seen.jsonl"), 2, "there is no folder /nowhere"),
        (("--record", "/"), 2, "--record /: not a regular file"),
        (("--feedback", "/"), 2, "--feedback /: not a regular file"),
        (("--token-file", "/nowhere"), 2, "--token-file /nowhere: cannot be read"),
        (("--precision", "0.9"), 2, "precision 0.9: no score is known that gives it"),
        (("/nowhere",), 1, "is /nowhere a bundle?"),
    ],
)
def test_what_cannot_be_is_one_line(labels: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    typed = [sys.executable, str(labels / "server.py"), *arguments]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (code, True, 1), (
        done.stderr
    )


def test_a_log_that_nobody_reads_any_longer_costs_no_answer(labels: Path) -> None:
    typed = [sys.executable, str(labels / "server.py"), "--port", "0"]
    with subprocess.Popen(typed, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().partition("127.0.0.1:")[2].partition(";")[0])
            process.stderr.close()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.connect()
            used = connection.sock
            for _ in range(4):
                connection.request("GET", "/healthz")
                reply = connection.getresponse()
                assert reply.read()
                assert (reply.status, connection.sock) == (200, used)
            connection.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_two_of_one_name_and_a_port_that_is_taken(labels: Path) -> None:
    twice = subprocess.run(
        [sys.executable, str(labels / "server.py"), str(labels), str(labels)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (twice.returncode, "two bundles are called desk" in twice.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, str(labels / "server.py"), "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"server.py: 127.0.0.1:{port}: Address already in use; another --port, or 0 for any that is free",
    )
