"""A shared store of signed entries, namespaces and quotas: who may write what, and how much."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from flaky import World, world
from hypothesis import given
from hypothesis import strategies as st
from test_shared import at, key_of, listened, make, settle

from p2m.engine.storage.entries import Action, entry_bytes, parse_entry, signed_part
from p2m.engine.storage.quota import NAME
from p2m.engine.storage.shared import entry_name
from p2m.engine.storage.shared_address import (
    SharedAddress,
    checked_namespace,
    chosen_address,
)
from p2m.engine.storage.signing import is_signed, public_keys, signer, with_keys
from p2m.engine.store import Store

pytest.importorskip("cryptography")

NOTICE = "entries that nobody signed who is trusted are left out"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of keys as OpenSSH makes them: `ci` and `other`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    folder = tmp_path_factory.mktemp("keys")
    for name in ("ci", "other"):
        key = Ed25519PrivateKey.generate()
        (folder / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        (folder / f"{name}.pub").write_bytes(public + b" somebody@somewhere\n")
    return folder


@pytest.fixture
def remote(tmp_path: Path) -> World:
    return world("net", tmp_path / "remote")


def trusting(keys: Path, *names: str, mode: str = "read") -> SharedAddress:
    return replace(at(mode), trust=public_keys([str(keys / f"{name}.pub") for name in names]))


def sent_by(
    folder: Path, key: Path | None, monkeypatch: pytest.MonkeyPatch, place: SharedAddress, *numbers: int
) -> Store:
    """A machine that signs with that key, or not, and has made and sent some artifacts."""
    monkeypatch.setenv("P2M_SHARED_STORE_KEY", str(key) if key else "")
    store = Store(folder, place)
    for number in numbers:
        make(store, number)
    settle(store)
    monkeypatch.delenv("P2M_SHARED_STORE_KEY")
    return store


def here(store: Store, numbers: Sequence[int]) -> list[int]:
    """Of the artifacts with these numbers, those that the store has or gets."""
    return [number for number in numbers if store.lookup(key_of(number)[0]) is not None]


def test_what_a_trusted_key_signed_is_taken_and_all_else_is_a_miss_said_once(
    tmp_path: Path, keys: Path, remote: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_by(tmp_path / "ci", keys / "ci", monkeypatch, at("write"), 0, 1)
    sent_by(tmp_path / "other", keys / "other", monkeypatch, at("write"), 2)
    sent_by(tmp_path / "unsigned", None, monkeypatch, at("write"), 3, 4, 5, 6)
    reader = Store(tmp_path / "reader", trusting(keys, "ci"))
    said = listened(reader)
    assert here(reader, range(7)) == [0, 1]
    assert [line for line in said if NOTICE in line] == said
    assert len(said) == 1
    both = Store(tmp_path / "both", trusting(keys, "ci", "other"))
    assert here(both, range(7)) == [0, 1, 2]
    assert here(Store(tmp_path / "all", at()), range(7)) == list(range(7))


def test_an_entry_that_was_altered_or_put_under_another_key_is_not_taken(
    tmp_path: Path, keys: Path, remote: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_by(tmp_path / "ci", keys / "ci", monkeypatch, at("write"), 0, 1)
    places = [tmp_path / "remote" / "store" / entry_name(key_of(number)[0]) for number in range(3)]
    content = places[0].read_bytes()
    signature = content[len(signed_part(content)) :]
    other = parse_entry(places[1].read_bytes(), key_of(1)[0])
    forged = entry_bytes(Action(key_of(0)[0], other.output, key_of(0)[1], 0.5))
    places[2].parent.mkdir(parents=True, exist_ok=True)
    places[2].write_bytes(content)  # a good entry, of another key
    for made_up in (forged, forged + signature, signed_part(content) + signature.replace(b"A", b"B", 3)):
        places[0].write_bytes(made_up)
        reader = Store(tmp_path / f"reader{time.monotonic_ns()}", trusting(keys, "ci"))
        assert here(reader, [0, 1, 2]) == [1]


def test_a_writer_who_trusts_replaces_what_is_not_signed_and_leaves_what_is(
    tmp_path: Path, keys: Path, remote: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = trusting(keys, "ci", "other", mode="write")
    sent_by(tmp_path / "old", None, monkeypatch, at("write"), 0)
    warm = sent_by(tmp_path / "ci", keys / "ci", monkeypatch, place, 0, 1)
    assert warm.sent == 2
    entry = tmp_path / "remote" / "store" / entry_name(key_of(0)[0])
    before = entry.read_bytes()
    assert is_signed(before, public_keys([str(keys / "ci.pub")]))
    assert sent_by(tmp_path / "other", keys / "other", monkeypatch, place, 0).sent == 0
    assert entry.read_bytes() == before
    assert here(Store(tmp_path / "reader", trusting(keys, "ci")), [0, 1]) == [0, 1]


def test_a_process_without_the_key_sends_no_entry_where_these_are_signed(
    tmp_path: Path, keys: Path, remote: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = trusting(keys, "ci", mode="write")
    assert sent_by(tmp_path / "keyless", None, monkeypatch, place, 0).sent == 0
    assert not [path for path in (tmp_path / "remote").rglob("ac/*/*") if path.is_file()]
    Store(tmp_path / "keyless", place).send(make(Store(tmp_path / "keyless")).output)  # which needs no key


@given(junk=st.binary(max_size=300), at_end=st.booleans())
def test_no_bytes_after_an_entry_are_taken_for_a_signature(keys: Path, junk: bytes, at_end: bool) -> None:
    trusted = public_keys([str(keys / "ci.pub")])
    key, preimage = key_of(0)
    bare = entry_bytes(Action(key, "0" * 64, preimage, 0.5))
    line = b"signature " + trusted[0].encode() + b" "
    assert not is_signed(bare + (line + junk + b"\n" if at_end else junk), trusted)


def test_keys_are_read_as_openssh_writes_them(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = (keys / "ci.pub").read_text()
    bare = " ".join(public.split()[:2])
    (tmp_path / "allowed").write_text(
        f"# the team\n\nci@team {public}other@team {(keys / 'other.pub').read_text()}"
    )
    assert public_keys([public]) == public_keys([str(keys / "ci.pub")]) == (bare,)
    assert public_keys([str(tmp_path / "allowed"), bare])[0] == bare
    assert len(public_keys([str(tmp_path / "allowed"), bare])) == 2
    for environment in ({"P2M_SHARED_STORE_KEY": str(keys / "ci")},
                        {"P2M_SHARED_STORE_KEY": (keys / "ci").read_text()}):  # fmt: skip
        own = signer(environment)
        assert own is not None
        assert own.public == bare
    made = tmp_path / "made"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    own = signer({"P2M_SHARED_STORE_KEY": str(made)})
    assert own is not None
    assert (own.public,) == public_keys([f"{made}.pub"])


def test_what_is_no_key_is_refused_in_words_that_do_not_repeat_a_secret(tmp_path: Path, keys: Path) -> None:
    rsa = "ssh-rsa " + base64.b64encode(b"x" * 90).decode()
    (tmp_path / "empty").write_text("# nobody\n")
    for word, reason in (
        (rsa, "only ssh-ed25519"),
        ("ssh-ed25519 AAAA", "no whole ssh-ed25519 key"),
        (str(tmp_path / "none.pub"), "No such file"),
        (str(tmp_path / "empty"), "there is no key in it"),
        (str(keys / "ci"), "no public key of OpenSSH"),
    ):
        with pytest.raises(ValueError, match=reason) as caught:
            public_keys([word])
        assert "ssh-keygen" in str(caught.value) or "copy the whole line" in str(caught.value)
    secret = (keys / "ci").read_text().splitlines()
    for written in (
        "\n".join([secret[0], "HIDDEN", secret[-1]]),
        str(tmp_path / "none"),
        str(keys / "ci.pub"),
    ):
        with pytest.raises(ValueError, match="P2M_SHARED_STORE_KEY") as caught:
            signer({"P2M_SHARED_STORE_KEY": written})
        assert "HIDDEN" not in str(caught.value)


def test_whoever_trusts_some_keys_sends_nothing_that_these_did_not_sign(keys: Path) -> None:
    place = replace(SharedAddress("s3://b/p2m", "write"), trust=(str(keys / "ci.pub"),))
    with pytest.raises(ValueError, match="P2M_SHARED_STORE_KEY holds none"):
        with_keys(place, {})
    with pytest.raises(ValueError, match="is none of them"):
        with_keys(place, {"P2M_SHARED_STORE_KEY": str(keys / "other")})
    found = with_keys(place, {"P2M_SHARED_STORE_KEY": str(keys / "ci")})
    assert found.trust == public_keys([str(keys / "ci.pub")])
    said = {"P2M_SHARED_STORE_TRUST": str(keys / "other.pub")}
    assert with_keys(replace(place, mode="read"), said).trust == public_keys([str(keys / "other.pub")])


# --------------------------------------------------------------------------- namespaces and quotas


def test_a_namespace_is_a_store_of_its_own_below_the_url_wherever_that_comes_from() -> None:
    written = SharedAddress("s3://recipe/p2m", namespace="team/project", quota=5)
    chosen = chosen_address(written, {})
    assert chosen is not None
    assert (chosen.url, chosen.quota) == ("s3://recipe/p2m/team/project", 5)
    assert chosen_address(chosen, {}) == chosen
    moved = chosen_address(written, {"P2M_SHARED_STORE": "/mnt/p2m?mode=write"})
    assert moved == replace(chosen, url="file:///mnt/p2m/team/project", mode="write")
    assert checked_namespace("team_1/project-2.x") == "team_1/project-2.x"
    for wrong in ("", "/team", "team/", "a//b", "..", "team/../x", "a b", "cas", "tmp/x", ".x"):
        with pytest.raises(ValueError, match=r"namespace|stores themselves"):
            checked_namespace(wrong)


def test_above_its_quota_nothing_more_is_sent_and_the_next_build_sends_it_once_there_is_room(
    tmp_path: Path, remote: World
) -> None:
    place = replace(at("write"), quota=9_000)
    first = Store(tmp_path / "first", place)
    said = listened(first)
    for number in range(6):
        make(first, number, weights=bytes([number]) * 3_000)
    lines = settle(first)
    assert 0 < first.sent < 6
    used = sum(path.stat().st_size for path in (tmp_path / "remote").rglob("*") if path.is_file())
    assert used < 9_000 + 3_000  # entries and listings are counted with the next count
    assert "of its quota of 9.0 kB are used" in "".join(said)
    assert any("were not sent; the next build sends them" in line for line in lines)
    usage = json.loads((tmp_path / "remote" / "store" / NAME).read_text())
    assert usage["bytes"] > 3_000

    again = Store(tmp_path / "first", replace(place, quota=90_000))
    settle(again)
    assert first.sent + again.sent == 6
    assert here(Store(tmp_path / "reader", at()), range(6)) == list(range(6))


def test_what_lies_there_is_counted_anew_once_a_day_and_where_nobody_counted(
    tmp_path: Path, remote: World
) -> None:
    def used(number: int) -> int:
        make_and_send = Store(tmp_path / f"store{number}", replace(at("write"), quota=10**9))
        make(make_and_send, number)
        settle(make_and_send)
        return int(json.loads(usage.read_text())["bytes"])

    usage = tmp_path / "remote" / "store" / NAME
    first = used(0)
    usage.write_text(json.dumps({"bytes": 777, "counted": time.time() - 3600}))
    assert 777 < used(1) < first
    for stale in ({"bytes": 777, "counted": time.time() - 90_000}, {"bytes": "much"}):
        usage.write_text(json.dumps(stale))
        assert used(2 + len(stale)) > first
