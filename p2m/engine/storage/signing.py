"""Who made an entry of a shared store: Ed25519 signatures (RFC 8032), by keys in the form of OpenSSH.

Below an entry stands one line a signature,

    signature ssh-ed25519 <public key> <signature of all that stands above the first such line>

An entry holds its key, which everything that went into the result gives, and the digest of the result, which
gives every byte of it. So nothing but entries needs a signature, and one of another key proves nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from p2m.engine.storage.entries import SIGNATURE, signed_part
from p2m.engine.storage.shared_address import SharedAddress

TRUST_VARIABLE, KEY_VARIABLE = "P2M_SHARED_STORE_TRUST", "P2M_SHARED_STORE_KEY"
_MAKE = "make one with: ssh-keygen -t ed25519 -f p2m-signing -N ''"
_TYPE = "ssh-ed25519"
_HEAD = b"\x00\x00\x00\x0b" + _TYPE.encode() + b"\x00\x00\x00\x20"  # of a public key; its 32 bytes follow
_TAG = b"p2m.entry.v1\n"  # before what is signed, so that it is nothing that other programs sign
_KEY = re.compile(r"(?:^|\s)((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+)\s+([A-Za-z0-9+/=]+)(?:\s|$)")


@dataclass(frozen=True)
class Signer:
    """Signs entries; `public` is its key as it stands in a list of those that are trusted."""

    public: str
    _private: Any

    def sign(self, entry: bytes) -> bytes:
        """The entry with this key's signature below it."""
        signature = base64.b64encode(self._private.sign(_TAG + entry)).decode()
        return entry + SIGNATURE + f"{self.public} {signature}\n".encode()


def with_keys(place: SharedAddress, environment: Mapping[str, str]) -> SharedAddress:
    """The place with the keys that it trusts instead of what names them; P2M_SHARED_STORE_TRUST goes first.

    Raises:
        ValueError: these are no keys, or what is sent there from here would not be signed by one of them.
    """
    said = environment.get(TRUST_VARIABLE, "").strip()
    words = (said,) if said else place.trust
    signs = place.mode == "write" and bool(environment.get(KEY_VARIABLE, "").strip())
    if (words or signs) and find_spec("cryptography") is None:
        raise ValueError(
            "signed entries need cryptography, which is not installed\n    pip install 'p2m[signed]'"
        )
    trust = public_keys(words)
    own = signer(environment) if signs else None
    if trust and place.mode == "write" and (own is None or own.public not in trust):
        reason = f"{KEY_VARIABLE} holds none" if own is None else f"that of {KEY_VARIABLE} is none of them"
        raise ValueError(
            f"what is sent there must be signed by a key that is trusted, and {reason}\n    give the key, or"
            " read alone: store.shared.mode=read"
        )
    return replace(place, trust=trust)


def public_keys(words: Sequence[str]) -> tuple[str, ...]:
    """The keys that are written there, or in the files that are named there: `ssh-ed25519 AAAA...`.

    Raises:
        ValueError: one is no such key, or no such file, or a file has none.
    """
    found: dict[str, None] = {}
    for word in words:
        lines = [word] if _KEY.search(word) else _lines(word)
        keys = [_public(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not keys:
            raise ValueError(f"{word}: there is no key in it\n    {_MAKE}, and name p2m-signing.pub")
        found |= dict.fromkeys(keys)
    return tuple(found)


def signer(environment: Mapping[str, str]) -> Signer | None:
    """Who signs on this machine: P2M_SHARED_STORE_KEY holds a private key, or the file of one.

    Raises:
        ValueError: it is no such key; the message does not repeat it.
    """
    written = environment.get(KEY_VARIABLE, "").strip()
    if not written:
        return None
    is_key = written.startswith("-----BEGIN")
    try:
        content = f"{written}\n".encode() if is_key else Path(written).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ValueError(f"{KEY_VARIABLE}: the file that it names cannot be read ({reason})") from None
    return Signer(*_loaded(content))


def is_signed(content: bytes, trusted: Sequence[str]) -> bool:
    """Whether one of these keys signed the entry."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    entry = signed_part(content)
    for line in content[len(entry) :].splitlines():
        words = line.decode("ascii", "replace").split(" ")
        public = " ".join(words[1:3])
        if len(words) != 4 or public not in trusted:
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(words[2])[len(_HEAD) :])
            key.verify(base64.b64decode(words[3], validate=True), _TAG + entry)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def _lines(path: str) -> list[str]:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ValueError(
            f"{path[:80]}: neither a public key nor a file of some ({reason})\n    {_MAKE}, and name"
            " p2m-signing.pub"
        ) from None


def _public(line: str) -> str:
    """The key in a line of a .pub file, of authorized_keys or of allowed_signers, without the rest."""
    found = _KEY.search(line)
    if found is None:
        raise ValueError(f"{line.strip()[:40]!r} is no public key of OpenSSH\n    {_MAKE}")
    if found[1] != _TYPE:
        raise ValueError(f"a key of the type {found[1]}: only {_TYPE} can be had\n    {_MAKE}")
    try:
        content = base64.b64decode(found[2], validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content.startswith(_HEAD) or len(content) != len(_HEAD) + 32:
        raise ValueError(
            f"{found[2][:20]}... is no whole {_TYPE} key\n    copy the whole line of the .pub file"
        )
    return f"{_TYPE} {base64.b64encode(content).decode()}"


def _loaded(content: bytes) -> tuple[str, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    try:
        private = load_ssh_private_key(content, password=None)
    except TypeError:
        raise ValueError(
            f"{KEY_VARIABLE}: the key has a passphrase, for which nobody is asked\n    {_MAKE}"
        ) from None
    except Exception as error:  # of many kinds, with texts that may repeat what they read
        reason = f"{KEY_VARIABLE}: this is no private key of OpenSSH ({type(error).__name__})"
        raise ValueError(f"{reason}\n    {_MAKE}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError(f"{KEY_VARIABLE}: only keys of the type {_TYPE} can sign\n    {_MAKE}")
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return public.decode(), private
