"""Where a shared store is: its url, and what of the environment and of this machine bears on it.

Credentials come from the file system's own configuration and never from a url: one that may carry a secret is
refused, in words that do not repeat it, so that none gets into a message, a journal or a manifest.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Mode = Literal["read", "write"]
MODES: tuple[Mode, ...] = ("read", "write")
URL_VARIABLE, MODE_VARIABLE = "P2M_SHARED_STORE", "P2M_SHARED_STORE_MODE"
DEFAULT_TIMEOUT = 10.0  # seconds
LIST_PRICE = (0.005, 0.0004)  # USD a thousand writes (puts, lists) and reads: S3 Standard in us-east-1
NEEDS = {  # protocol -> (what it imports, what brings that)
    "http": ("aiohttp", "aiohttp"),
    "https": ("aiohttp", "aiohttp"),
    "s3": ("s3fs", "'p2m[s3]'"),
    "s3a": ("s3fs", "'p2m[s3]'"),
    "gs": ("gcsfs", "'p2m[gcs]'"),
    "gcs": ("gcsfs", "'p2m[gcs]'"),
    "abfs": ("adlfs", "'p2m[azure]'"),
    "abfss": ("adlfs", "'p2m[azure]'"),
    "az": ("adlfs", "'p2m[azure]'"),
    "ssh": ("paramiko", "paramiko"),
    "sftp": ("paramiko", "paramiko"),
    "smb": ("smbprotocol", "smbprotocol"),
    "hf": ("huggingface_hub", "huggingface_hub"),
    "oss": ("ossfs", "ossfs"),
}
READ_ONLY = ("http", "https", "github", "gist", "git", "data", "zip", "tar", "libarchive", "reference")
_LAYOUT = ("FORMAT", "USAGE", "ac", "cas", "leases", "tmp")  # what lies in a shared store
_URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """Where a shared store is and what may be done there: plain data, and never a secret."""

    url: str
    mode: Mode = "read"
    timeout: float = DEFAULT_TIMEOUT  # seconds that one operation may take, beside what its bytes take
    least_seconds: float = 0.0  # what took less to make is not sent
    usd_per_thousand: tuple[float, float] = LIST_PRICE  # of writes and of reads
    namespace: str | None = None  # a folder below the url; `chosen_address` makes it a part of that
    quota: int | None = None  # bytes that may lie there before nothing more is sent
    trust: tuple[str, ...] = ()  # public keys, of which one must have signed an entry; (): none need have

    @property
    def protocol(self) -> str:
        return self.url.partition("://")[0]


def chosen_address(written: SharedAddress | None, environment: Mapping[str, str]) -> SharedAddress | None:
    """The place as the recipe has it, or as P2M_SHARED_STORE and P2M_SHARED_STORE_MODE, where set, want it.

    Raises:
        ValueError: a variable holds something else than a url (`none` for no store; `?mode=write` may follow)
            or a mode.
    """
    url, _, query = environment.get(URL_VARIABLE, "").strip().partition("?mode=")
    mode = environment.get(MODE_VARIABLE, "").strip() or query
    if url == "none":
        return None
    place = written
    if url:
        try:
            place = replace(written or SharedAddress(""), url=checked_url(url), mode="read")
        except ValueError as error:
            raise ValueError(f"{URL_VARIABLE}: {error}") from None
    if mode and mode not in MODES:
        raise ValueError(f"{MODE_VARIABLE}: {redacted(mode)[:40]!r} is no mode: write read or write")
    if place is None:
        return None
    url = f"{place.url}/{place.namespace}" if place.namespace else place.url
    return replace(place, url=url, namespace=None, mode=mode or place.mode)


def checked_url(text: str) -> str:
    """The url of a shared store as it may be written: `protocol://place`, or the absolute path of a folder.

    Raises:
        ValueError: it is no such thing, or holds a secret; the message does not repeat it.
    """
    found = _URL.fullmatch(text)
    if found is None:
        if "::" in text or not text.startswith(("/", "~")):
            raise ValueError(
                "this is no url: write s3://bucket/p2m, file:///mnt/p2m or a folder's absolute path"
            )
        return f"file://{os.path.abspath(os.path.expanduser(text))}"
    _refuse_secrets(found["protocol"], found["rest"])
    if not found["rest"].strip("/") and found["protocol"] != "memory":
        raise ValueError(f"{redacted(text)!r} names no place: write {found['protocol']}://host-or-bucket/p2m")
    return text.rstrip("/")


def checked_namespace(text: str) -> str:
    """A namespace as it may be written: `team/project`.

    Raises:
        ValueError: it is no such path, or a name that a store uses itself.
    """
    parts = text.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part) for part in parts):
        raise ValueError(f"{text!r} is no namespace: write names of letters, digits, . _ -, as team/project")
    if parts[0] in _LAYOUT:
        raise ValueError(f"{parts[0]!r} is a folder of stores themselves: choose another name")
    return text


def _refuse_secrets(protocol: str, rest: str) -> None:
    if ":" in rest.rpartition("@")[0]:  # of the whole rest, since a password may hold a slash
        raise ValueError(
            f"the {protocol} url holds a password: give it to fsspec instead, in ~/.config/fsspec/*.json, "
            "FSSPEC_* variables or the provider's own files"
        )
    if "?" in rest or "#" in rest:
        raise ValueError(
            f"the {protocol} url holds a query, which may be a secret: give credentials to fsspec instead, "
            "in ~/.config/fsspec/*.json, FSSPEC_* variables or the provider's own files"
        )


def redacted(text: str) -> str:
    """`text` without whatever in it may be a secret: passwords before an @, and queries."""
    return re.sub(
        r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1?...", re.sub(r"://[^\s@'\"]*:[^\s'\"]*@", "://...@", text)
    )


def lacking(place: SharedAddress) -> str:
    """What keeps this place from working here, with what to type; "" where nothing is known to."""
    module, package = NEEDS.get(place.protocol, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        return f"{place.protocol}:// needs {module}, which is not installed\n    pip install {package}"
    if place.mode == "write" and place.protocol in READ_ONLY:
        return f"{place.protocol}:// can only be read\n    write store.shared.mode=read, or give another url"
    if place.protocol in (*NEEDS, "file", "local", "memory"):
        return ""
    problem = unknown_protocol(place)  # imports much, so of these alone
    return (
        f"{problem}\n    write s3://bucket/p2m gs://bucket/p2m, ssh://host/p2m or a folder's absolute path"
        if problem
        else ""
    )


def unknown_protocol(place: SharedAddress) -> str:
    """What fsspec says to a protocol that it does not know; "" where it does. Imports fsspec."""
    import fsspec

    try:
        fsspec.get_filesystem_class(place.protocol)
    except (ValueError, ImportError) as error:
        return redacted(str(error))
    return ""
