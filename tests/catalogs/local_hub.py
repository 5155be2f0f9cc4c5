"""A Hub on this machine, by its HTTP API: pages, cards, revisions, redirects, ranges, refusals, faults; and
repositories that are made and committed to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

LARGE = 1000  # bytes from which a file is kept by its sha256 and sent from elsewhere, as LFS does


@dataclass
class Repo:
    """A repository with one commit."""

    id: str
    files: dict[str, bytes]
    kind: str = "datasets"
    gated: bool = False
    modified: str = "2026-01-01T00:00:00.000Z"
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()
    private: bool = False
    commits: list[str] = field(default_factory=list)  # summaries

    @property
    def sha(self) -> str:
        whole = b"".join(name.encode() + content for name, content in sorted(self.files.items()))
        return hashlib.sha1(whole).hexdigest()

    @property
    def front(self) -> dict[str, Any]:
        found = re.match(r"---\n(.*?)\n---", self.files.get("README.md", b"").decode(), re.S)
        return yaml.safe_load(found[1]) if found else {}


@dataclass
class LocalHub:
    """What is there, what was asked, and what goes wrong."""

    repos: list[Repo] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)  # old name -> new one
    page: int = 2  # entries a page
    too_many: int = 0  # requests that are answered by 429 first
    broken: int = 0  # bodies that end in the middle first
    asked: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)  # path of a file -> bytes of it that were sent
    large: dict[str, bytes] = field(default_factory=dict)  # sha256 -> what was uploaded, maybe for a commit
    writers: frozenset[str] = frozenset({"hf_may_write_here_0123"})  # tokens
    damaged: bool = False  # whether large files that are uploaded lose their last byte
    address: str = ""

    @property
    def elsewhere(self) -> str:
        """Another host, as large files have."""
        return self.address.replace("127.0.0.1", "localhost")

    def repo(self, kind: str, name: str) -> Repo | None:
        return next((one for one in self.repos if one.kind == kind and one.id == name), None)


def oid(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._write()

    def do_PUT(self) -> None:
        self._write()

    def _write(self) -> None:
        """As the client makes a repository, uploads large files and commits."""
        path = unquote(urlsplit(self.path).path)
        data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.hub.asked.append(f"{self.command} {self.path}")
        if path.startswith("/lfs/"):
            digest = path.removeprefix("/lfs/")
            self.hub.large[digest] = data[:-1] if self.hub.damaged else data
            return self._answer(200, b"", {"ETag": '"etag"'})
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.hub.writers:
            return self._refuse(401, "")
        if path == "/api/validate-yaml":
            return self._validate(json.loads(data))
        if path == "/api/repos/create":
            return self._create(json.loads(data))
        batch = re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path)
        if batch:
            return self._batch(json.loads(data))
        act = re.fullmatch(r"/api/models/(.+)/(preupload|commit)/main", path)
        one = self.hub.repo("models", act[1]) if act else None
        if act is None or one is None:
            return self._refuse(404, "RepoNotFound")
        if act[2] == "preupload":
            return self._preupload(json.loads(data))
        return self._commit(one, [json.loads(line) for line in data.splitlines()])

    def _validate(self, asked: Mapping[str, str]) -> None:
        """What the Hub asks of a card's front matter, in part."""
        front = Repo("", {"README.md": asked["content"].encode()}).front
        wrong = [name for name in ("license", "language") if not isinstance(front.get(name), (str, list))]
        errors = [{"message": f"{name} must be text"} for name in wrong]
        self._answer(400 if errors else 200, json.dumps({"errors": errors, "warnings": []}).encode(), {})

    def _create(self, asked: Mapping[str, Any]) -> None:
        name = f"{asked.get('organization') or 'ada'}/{asked['name']}"
        if self.hub.repo("models", name):
            return self._answer(409, b'{"error": "there is one"}', {})
        made = Repo(name, {".gitattributes": b""}, "models", private=asked.get("visibility") == "private")
        self.hub.repos.append(made)
        return self._json({"url": f"{self.hub.address}/{name}", "name": name, "id": "0"})

    def _batch(self, asked: Mapping[str, Any]) -> None:
        upload = {each["oid"]: {"href": f"{self.hub.address}/lfs/{each['oid']}"} for each in asked["objects"]}
        found = [{**each, "actions": {"upload": upload[each["oid"]]}} for each in asked["objects"]]
        self._json({"transfer": "basic", "objects": found})

    def _preupload(self, asked: Mapping[str, Any]) -> None:
        files = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["size"] > LARGE else "regular",
                "shouldIgnore": False,
            }
            for each in asked["files"]
        ]
        self._json({"files": files})

    def _commit(self, one: Repo, lines: list[dict[str, Any]]) -> None:
        """All of it, or nothing where somebody else was first."""
        head, *operations = lines
        if head["value"].get("parentCommit", one.sha) != one.sha:
            return self._answer(412, b'{"error": "A commit has happened since"}', {})
        for each in operations:
            value = each["value"]
            if each["key"] == "file":
                one.files[value["path"]] = base64.b64decode(value["content"])
            elif each["key"] == "lfsFile":
                one.files[value["path"]] = self.hub.large[value["oid"]]
            else:
                del one.files[value["path"]]
        one.commits.append(head["value"]["summary"])
        url = f"{self.hub.address}/{one.id}/commit/{one.sha}"
        return self._json({"success": True, "commitOid": one.sha, "commitUrl": url})

    def _route(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        self.hub.asked.append(f"{self.command} {self.path}")
        if self.hub.too_many:
            self.hub.too_many -= 1
            return self._answer(429, b"{}", {"Retry-After": "0"})
        if path.startswith("/cdn/"):
            return self._content(*path.removeprefix("/cdn/").split("/", 1))
        if listing := re.fullmatch(r"/api/(datasets|models)", path):
            return self._listing(listing[1], query)
        api = re.fullmatch(r"/api/(datasets|models)/(.+?)(?:/(revision|tree)/([^/]+)(?:/(.+))?)?", path)
        resolve = re.fullmatch(r"/(?:(datasets)/)?(.+?)/resolve/([^/]+)/(.+)", path)
        if api:
            return self._repository(api[1], api[2], api[3] or "revision", api[4] or "main", api[5] or "")
        if resolve:
            return self._resolve(resolve[1] or "models", resolve[2], resolve[3], resolve[4])
        return self._refuse(404, "RepoNotFound")

    def _listing(self, kind: str, query: Mapping[str, list[str]]) -> None:
        there = sorted(
            (one for one in self.hub.repos if one.kind == kind),
            key=lambda one: (one.modified, one.id),
            reverse=True,
        )
        start = int(query.get("cursor", ["0"])[0])
        size = min(self.hub.page, int(query.get("limit", ["1000"])[0]))
        headers = {}
        if start + size < len(there):
            following = urlsplit(self.path)
            kept = "&".join(one for one in following.query.split("&") if not one.startswith("cursor="))
            link = f"{self.hub.address}{following.path}?{kept}&cursor={start + size}"
            headers["Link"] = f'<{link}>; rel="next"'
        card = "cardData" in query.get("expand", [])
        self._json([self._info(one, card=card) for one in there[start : start + size]], headers)

    def _info(self, one: Repo, *, card: bool) -> dict[str, Any]:
        found = {
            "id": one.id, "sha": one.sha, "lastModified": one.modified, "private": one.private,
            "gated": "manual" if one.gated else False, "disabled": False,
            "downloads": one.downloads, "likes": one.likes, "tags": list(one.tags),
        }  # fmt: skip
        if card:
            found["cardData"] = one.front
            if one.kind == "models":
                found["safetensors"] = {"parameters": {"F32": 500}, "total": 500}
            found["siblings"] = [{"rfilename": name} for name in one.files]
        return found

    def _repository(self, kind: str, name: str, what: str, revision: str, below: str) -> None:
        if name in self.hub.moved:
            place = self.path.replace(name, self.hub.moved[name], 1)
            return self._answer(307, b"", {"Location": place})
        one = self.hub.repo(kind, name)
        if one is None:
            return self._refuse(404, "RepoNotFound")
        if revision not in ("main", one.sha):
            return self._refuse(404, "RevisionNotFound")
        if what == "revision":
            return self._json(self._info(one, card=True))
        tree = []
        for path, content in one.files.items():
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": oid(content)}
            if len(content) > LARGE:
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
            if path.startswith(below):
                tree.append(entry)
        if below and not tree:
            return self._refuse(404, "EntryNotFound")
        return self._json(tree)

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        one = self.hub.repo(kind, self.hub.moved.get(name, name))
        if one is None:
            return self._refuse(404, "RepoNotFound")
        if one.gated and self.headers.get("Authorization") != "Bearer hf_let_me_in":
            return self._refuse(403, "GatedRepo")
        if revision not in ("main", one.sha):
            return self._refuse(404, "RevisionNotFound")
        if path not in one.files:
            return self._refuse(404, "EntryNotFound")
        content = one.files[path]
        if len(content) <= LARGE:
            return self._content(
                kind, f"{one.id}/{path}", {"ETag": f'"{oid(content)}"', "X-Repo-Commit": one.sha}
            )
        headers = {
            "Location": f"{self.hub.elsewhere}/cdn/{kind}/{one.id}/{path}", "X-Repo-Commit": one.sha,
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content)),
        }  # fmt: skip
        return self._answer(302, b"", headers)

    def _content(self, kind: str, where: str, headers: Mapping[str, str] | None = None) -> None:
        one = next(one for one in self.hub.repos if one.kind == kind and where.startswith(f"{one.id}/"))
        path = where.removeprefix(f"{one.id}/")
        content, status, told = one.files[path], 200, {"Accept-Ranges": "bytes", **(headers or {})}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            told["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        breaks = self.hub.broken and self.command == "GET" and len(content) > LARGE
        self.hub.broken -= bool(breaks)
        self.hub.sent[path] += len(content) if self.command == "GET" else 0
        self._answer(status, content, told, breaks=bool(breaks))

    def _json(self, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b'{"error": "no"}', {"X-Error-Code": code, "X-Error-Message": "no"})

    def _answer(
        self, status: int, content: bytes, headers: Mapping[str, str], *, breaks: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if breaks else content)
        if breaks:
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def running(*repos: Repo) -> Iterator[LocalHub]:
    """A Hub that the client in this process speaks to; others reach it as `HF_ENDPOINT`."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    hub = LocalHub(list(repos))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    try:
        with (
            patch.object(constants, "ENDPOINT", hub.address),
            patch.object(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template),
            patch.object(constants, "HF_HUB_OFFLINE", False),
            patch.object(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True),
        ):
            yield hub
    finally:
        close_session()
        server.shutdown()
        server.server_close()
        thread.join(5)
