"""What `p2m deploy` lays out: files that their own checkers accept, and that run."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import LABELS, QA, Exports, rows_of
from small_bundles import bundle_of, sealed, words_model

from p2m.cli.main import main
from p2m.deploy.serving.predictor import Predictor
from p2m.deployment import targets
from p2m.deployment.bundles import opened
from p2m.deployment.deploying import deploy
from p2m.deployment.options import Options
from p2m.errors import UserError

TOKEN = "a-token-of-tests-0123456789"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy")
    return bundle_of(words_model(folder / "model"), folder / "bundle", LABELS, name="my_tickets")


def laid(bundle: Path, to: str, folder: Path, image: str = "") -> Path:
    return deploy(bundle, to, Options(folder / to, image)).folder


def test_the_dockerfile_is_small_not_root_and_checks_itself(bundle: Path, tmp_path: Path) -> None:
    folder = laid(bundle, "docker", tmp_path)
    text = (folder / "Dockerfile").read_text()
    assert re.search(rf"^FROM python:{sys.version_info.major}\.{sys.version_info.minor}-slim$", text, re.M)
    steps = [line.split()[0] for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert steps.index("USER") < steps.index("CMD")
    assert "HEALTHCHECK" in steps
    assert "p2m " not in "".join(line for line in text.splitlines() if not line.startswith("#"))
    assert not re.search(r"@[a-z_]+@", text)
    assert {path.name for path in folder.iterdir()} == {
        "Dockerfile", ".dockerignore", "bundle", "deployment.json",
    }  # fmt: skip
    assert (folder / "bundle" / "SHA256SUMS").is_file()


def test_compose_has_prometheus_read_the_metrics_with_the_token(bundle: Path, tmp_path: Path) -> None:
    folder = laid(bundle, "compose", tmp_path)
    told = yaml.safe_load((folder / "compose.yaml").read_text())
    model, prometheus = told["services"]["model"], told["services"]["prometheus"]
    assert model["read_only"] is True
    assert model["mem_limit"] == f"{2 * opened(bundle).memory}m"
    assert model["environment"]["P2M_SERVE_TOKENS"].startswith("${P2M_SERVE_TOKENS:?")
    scraped = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == ["model:8000"]
    assert scraped["authorization"]["credentials_file"] == f"/run/secrets/{prometheus['secrets'][0]}"
    assert told["secrets"][prometheus["secrets"][0]]["environment"] in model["environment"]
    assert "read_only" not in prometheus  # or compose could not write that secret into it


def test_kubernetes_takes_the_manifest(bundle: Path, tmp_path: Path) -> None:
    import kubernetes_validate

    folder = laid(bundle, "kubernetes", tmp_path, image="registry.example.org:5000/tickets:3")
    found = {each["kind"]: each for each in yaml.safe_load_all((folder / "kubernetes.yaml").read_text())}
    for each in found.values():
        for version in ("1.33", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(each, version, strict=True)
    pod = found["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["image"] == "registry.example.org:5000/tickets:3"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "my-tickets-token", "key": "token"}
    assert container["resources"]["requests"]["memory"] == "160Mi"  # 60 MB measured, 96 MiB for the server
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for chosen in (
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert chosen.items() <= labels.items()
    broken = {**found["Service"], "spec": {**found["Service"]["spec"], "ports": "80"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.33", strict=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_takes_the_unit_and_finds_it_shut_in(bundle: Path, tmp_path: Path) -> None:
    unit = laid(bundle, "systemd", tmp_path) / "p2m-my-tickets.service"
    here = unit.with_name("here.service")
    here.write_text(unit.read_text().replace("/opt/p2m-my-tickets/venv/bin/python", sys.executable))
    assert not re.search(r"(?<!p2m-)my-tickets[/.]", unit.read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "here.service" in line] == []
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(here)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-400:]


# --------------------------------------------------------------------------- lambda

RAN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import handler
for line in sys.stdin:
    print(json.dumps(handler.handler(json.loads(line), type("Context", (), {"aws_request_id": "r-1"})())))
"""


def http2(
    body: Any, *, method: str = "POST", token: str = "", path: str = "/", base64ed: bool = False
) -> Any:
    """An event of a function URL, with what AWS puts into one."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": "application/json", "host": "x.lambda-url.eu-west-1.on.aws"}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": "x", "domainName": "x.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "1", "routeKey": "$default", "stage": "$default", "timeEpoch": 1764457200000,
        },
        "body": base64.b64encode(text.encode()).decode() if base64ed else text, "isBase64Encoded": base64ed,
    }  # fmt: skip


def http1(body: Any, token: str) -> Any:
    """An event of a REST API."""
    return {
        "resource": "/{proxy+}", "path": "/predict", "httpMethod": "POST",
        "headers": {"Authorization": f"Bearer {token}"},
        "requestContext": {"httpMethod": "POST", "stage": "p"},
        "body": json.dumps(body), "isBase64Encoded": False,
    }  # fmt: skip


def test_the_lambda_handler_answers_events(bundle: Path, tmp_path: Path) -> None:
    folder = laid(bundle, "lambda", tmp_path)
    package = shutil.copytree(folder / "bundle", tmp_path / "package")
    shutil.copyfile(folder / "handler.py", package / "handler.py")
    rows = [dict(row.input) for row in rows_of(LABELS)[:3]]
    expected = [
        {"output": each.output, "score": round(each.score, 4), "abstain": False}
        for each in Predictor(bundle / "model").predict(rows)
    ]
    events = [
        rows[0], rows, rows[0]["text"], http2(rows[0], token=TOKEN), http2(rows, token=TOKEN, base64ed=True),
        http1(rows[1], TOKEN), http2(rows[0]), http2(rows[0], token="x" * 20), http2("not JSON", token=TOKEN),
        http2({"text": 3}, token=TOKEN), http2([rows[0], {}], token=TOKEN),
        http2("", method="GET", token=TOKEN), http2("", method="GET", path="/healthz"),
        http2({"text": " "}, token=TOKEN),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-c", RAN, str(package)], input="\n".join(map(json.dumps, events)), text=True,
        capture_output=True, check=True, env={"P2M_SERVE_TOKENS": f"other-token-0123456,{TOKEN}"},
    )  # fmt: skip
    said = [json.loads(line) for line in done.stdout.splitlines()]
    who = {"id": "r-1", "model": "my_tickets"}
    assert said[0] == said[2] == {**expected[0], **who}
    assert said[1] == {"answers": expected, **who}
    bodies = [json.loads(each["body"]) for each in said[3:]]
    assert bodies[:3] == [{**expected[0], **who}, {"answers": expected, **who}, {**expected[1], **who}]
    assert [each["statusCode"] for each in said[3:]] == [
        200,
        200,
        200,
        401,
        401,
        422,
        422,
        422,
        405,
        200,
        422,
    ]
    assert bodies[5]["detail"] == "the body is not JSON in UTF-8"
    assert bodies[7]["detail"].startswith('row 2: no "text"')
    assert said[6]["headers"]["www-authenticate"] == "Bearer"


def test_a_plain_invocation_with_a_wrong_row_fails_as_lambda_wants_it(bundle: Path, tmp_path: Path) -> None:
    folder = laid(bundle, "lambda", tmp_path)
    package = shutil.copytree(folder / "bundle", tmp_path / "package")
    shutil.copyfile(folder / "handler.py", package / "handler.py")
    done = subprocess.run(
        [sys.executable, "-I", "-c", RAN, str(package)], input='{"tex": "x"}', text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    assert 'no "text"; expected "text", there is "tex"' in done.stderr


def test_the_size_is_said_beside_what_a_zip_may_have(
    exports: Exports, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2m.deployment.targets import aws_lambda

    bundle = bundle_of(exports["span"][1], tmp_path / "bundle", QA)
    total, unknown = aws_lambda.unpacked(opened(bundle))
    assert unknown == []
    assert total > 50e6  # onnxruntime and numpy
    monkeypatch.chdir(tmp_path)
    assert main(["deploy", str(bundle), "--to", "lambda"]) == 0
    said = capsys.readouterr().out
    assert "of the 262.1 MB that a zip may have" in said
    assert "next: sh small-lambda/build.sh" in said
    script = (tmp_path / "small-lambda" / "build.sh").read_text()
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    monkeypatch.setattr(aws_lambda, "LIMIT", 1000)
    assert main(["deploy", str(bundle), "--to", "lambda"]) == 0
    assert "docker build" in capsys.readouterr().out


# --------------------------------------------------------------------------- what is refused


def test_a_folder_that_p2m_did_not_write_is_not_touched(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    words = ["deploy", str(bundle), "--to", "docker", "--output", str(place)]
    assert main(words) == 2
    assert "is there already, and not by p2m deploy" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == ["letter.txt"]
    (place / "letter.txt").unlink()
    assert main(words) == main(words) == 0  # into an empty one, and over its own
    assert (place / "Dockerfile").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["letter.txt", "bundle/notes", "Dockerfile", "link"])
def test_what_was_put_into_its_folder_since_is_not_lost(
    bundle: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = laid(bundle, "docker", tmp_path)
    if name == "link":
        (folder / name).symlink_to(tmp_path)
    else:
        with (folder / name).open("a") as stream:
            stream.write("dear")
    assert main(["deploy", str(bundle), "--to", "docker", "--output", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{folder / name}: " in said
    assert "next: move it away, or choose another --output" in said
    assert (folder / name).exists()


def test_a_mark_of_the_same_name_does_not_make_a_folder_p2ms(bundle: Path, tmp_path: Path) -> None:
    for text in ('{"kind": "other"}', "[]", "", '{"kind": "p2m deployment", "version": 1, "files": 3}'):
        (tmp_path / "docker").mkdir(exist_ok=True)
        (tmp_path / "docker" / "deployment.json").write_text(text)
        with pytest.raises(UserError, match="not by p2m deploy"):
            laid(bundle, "docker", tmp_path)
        assert (tmp_path / "docker" / "deployment.json").read_text() == text
    link = tmp_path / "link" / "docker"
    link.parent.mkdir()
    link.symlink_to(tmp_path)
    with pytest.raises(UserError, match="not by p2m deploy"):
        laid(bundle, "docker", link.parent)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "dockr"], "did you mean 'docker'?"),
        (["--to", "docker", "--image", "a b"], "no image is named so"),
        (["--to", "docker", "--output", "bundle/x"], "lies in the bundle"),
        (["--to", "docker", "--output", "."], "next: --output FOLDER, a new one such as my-tickets-docker"),
        (["--to", "docker", "--output", ".."], "is the folder that you are in, or holds it"),
    ],
)
def test_what_cannot_be_is_refused(
    bundle: Path,
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(bundle.parent)
    assert main(["deploy", "bundle", *words]) == 2
    assert said in capsys.readouterr().err
    assert main(["deploy", "nowhere", "--to", "docker"]) == 2
    assert "no bundle here" in capsys.readouterr().err


def test_a_bundle_without_a_server_or_with_a_damaged_file_is_refused(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (copy / "predict.py").write_text("raise SystemExit")
    words = ["deploy", str(copy), "--to", "docker", "--output", str(tmp_path / "out")]
    assert main(words) == 2
    assert "predict.py: changed since it was packaged" in capsys.readouterr().err
    (copy / "server.py").unlink()
    sealed(copy)
    assert main(words) == 2
    assert "has no server.py: it was built by an earlier p2m" in capsys.readouterr().err


@pytest.mark.parametrize("to", targets.names())
def test_what_is_to_be_typed_stands_as_a_shell_takes_it(bundle: Path, tmp_path: Path, to: str) -> None:
    folder = tmp_path / "it's $(mine)"
    source = Path(shutil.copytree(bundle, tmp_path / "a bundle"))
    lines = deploy(source, to, Options(folder)).next
    words = [word.rstrip(",") for line in lines if "static files" not in line for word in shlex.split(line)]
    assert [word for word in words if Path(word) == folder or folder in Path(word).parents]
    assert (to == "kubernetes") == (str(source) in words)
    tokens = " ".join(lines).partition("P2M_SERVE_TOKENS")[2]
    assert not tokens or tokens.startswith("=$(openssl rand -hex 24)")
    assert "literal" not in " ".join(lines)
    for path in folder.iterdir():
        if path.is_file():
            assert not re.search(r"-e P2M_SERVE_TOKENS|--env \w+=|--from-literal", path.read_text())


def test_what_yaml_takes_for_something_else_is_text(bundle: Path, tmp_path: Path) -> None:
    null = bundle_of(bundle / "model", tmp_path / "bundle", LABELS, name="null")
    composed = yaml.safe_load((laid(null, "compose", tmp_path, "123") / "compose.yaml").read_text())
    assert (composed["name"], composed["services"]["model"]["image"]) == ("null", "123")
    scraped = yaml.safe_load((tmp_path / "compose" / "prometheus.yml").read_text())
    assert scraped["scrape_configs"][0]["job_name"] == "null"
    kubernetes = (laid(null, "kubernetes", tmp_path, "123") / "kubernetes.yaml").read_text()
    for each in yaml.safe_load_all(kubernetes):
        assert each["metadata"] == {"name": "null", "labels": each["metadata"]["labels"]}
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "null"
        if each["kind"] == "Deployment":
            assert each["spec"]["template"]["spec"]["containers"][0]["image"] == "123"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("measured", {"latency_p99": float("nan")}),
        ("measured", {"peak_memory": "much"}),
        ("measured", {"peak_memory": 10**400}),
        ("measured", {"latency_p99": -1}),
        ("verdict", []),
        ("verdict", {"ship": True}),
        ("task", 5),
        ("task", {"demonstrations": [1]}),
        ("task", {"demonstrations": [{"input": 1}]}),
        ("model", None),
        ("name", ["x"]),
        ("name", "\ud800"),
    ],
)
def test_an_odd_manifest_is_told_of(
    bundle: Path, tmp_path: Path, part: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, part: value}))
    for to in ("docker", "web"):
        words = ["deploy", str(sealed(copy)), "--to", to, "--output", str(tmp_path / "out")]
        assert main(words) == 2
        assert "cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("linked", ["README.md", "model"])
def test_links_that_leave_the_bundle_are_refused(
    bundle: Path, tmp_path: Path, linked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (copy / linked).rename(tmp_path / "elsewhere")
    (copy / linked).symlink_to("../elsewhere")
    for words in (
        ["deploy", str(copy), "--to", "docker", "--output", str(tmp_path / "out")],
        ["push", str(copy), f"file://{tmp_path}/out", "--yes"],
    ):
        assert main(words) == 2
        assert "outside the bundle" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    (tmp_path / "elsewhere").rename(copy / "inside")
    (copy / linked).unlink()
    (copy / linked).symlink_to("inside")
    (tmp_path / "through").symlink_to(copy)
    assert opened(tmp_path / "through").name == "my-tickets"


@pytest.mark.parametrize(
    ("name", "label"), [("Töne & <b>", "t-ne-b"), ("42", "model-42"), ("a" * 80, "a" * 50)]
)
def test_names_are_those_that_every_place_takes(bundle: Path, tmp_path: Path, name: str, label: str) -> None:
    made = opened(bundle_of(bundle / "model", tmp_path / "bundle", LABELS, name=name))
    assert made.name == label
    command = re.search(
        r"^CMD (.+)$", (laid(made.folder, "docker", tmp_path) / "Dockerfile").read_text(), re.M
    )
    assert command
    assert (f"{label}=." in json.loads(command[1])) == (not name.isascii() or "&" in name)


def test_every_place_is_told_of_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["deploy", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert targets.names() == ["compose", "docker", "kubernetes", "lambda", "systemd", "web"]
    for name in targets.names():
        module: ModuleType = targets.target(name)
        assert f"{name}: {module.ABOUT}" in said


# --------------------------------------------------------------------------- the container's steps


def public_python() -> str | None:
    """A Python of the version that runs here, or of the system, that any user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (os.path.realpath(sys.executable), shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if found and all(parent.stat().st_mode & 0o001 for parent in Path(found).parents):
            return found
    return None


# As `docker run --read-only --tmpfs /tmp` with the image's user has it.
SHUT_IN = """
mount --make-rprivate / && mount --bind / / && mount -o remount,ro,bind / || exit 98
mount -t tmpfs tmpfs /tmp || exit 99
exec setpriv --reuid 10001 --regid 10001 --clear-groups "$@"
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="root alone may do this")
def test_the_steps_of_the_dockerfile_end_in_an_answer(bundle: Path) -> None:
    """Without a container engine: the lines RUN pip, RUN python and CMD as they stand, in a fresh venv; CMD
    as the image's user, in a mount namespace whose root cannot be written."""
    python = public_python()
    if python is None:
        pytest.skip("no Python here that another user may run")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        Path(place).chmod(0o755)
        folder = laid(bundle, "docker", Path(place)) / "bundle"
        text = (folder.parent / "Dockerfile").read_text()
        ran = [re.search(rf"^RUN {verb} (.+)$", text, re.M) for verb in ("pip", "python")]
        command = re.search(r"^CMD (\[.+\])$", text, re.M)
        assert ran[0]
        assert ran[1]
        assert command
        subprocess.run([python, "-m", "venv", f"{place}/venv"], check=True)
        there = f"{place}/venv/bin/python"
        for line in (f"-m pip {ran[0][1]}", ran[1][1]):
            subprocess.run([there, *line.split()], cwd=folder, check=True, capture_output=True)
        words = [there, *json.loads(command[1])[1:]]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words[words.index("8000")] = str(port)
        environment = {"P2M_SERVE_TOKENS": TOKEN, "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
        shut_in = ["unshare", "--mount", "sh", "-c", SHUT_IN, "sh", *words]
        process = subprocess.Popen(shut_in, cwd=folder, env=environment)
        try:
            check_answers(f"http://127.0.0.1:{port}", process, bundle)
        finally:
            process.terminate()
            code = process.wait(60)
        assert code == 0
        assert not list(folder.rglob("__pycache__"))


def check_answers(address: str, process: subprocess.Popen[bytes], bundle: Path) -> None:
    """As readiness, a client, liveness and Prometheus ask."""
    wait_for(f"{address}/readyz", process)
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert re.search(r"^Uid:\s+10001\s+10001", status, re.M)
    row = dict(rows_of(LABELS)[0].input)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/predict", json.dumps(row).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["output"] == Predictor(bundle / "model").predict([row])[0].output
    for path in ("/healthz", "/metrics"):
        with urllib.request.urlopen(
            urllib.request.Request(address + path, None, headers), timeout=30
        ) as answer:
            assert answer.status == 200


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.1)
