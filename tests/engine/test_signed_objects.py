"""Signed entries and quotas in an object store (moto's server)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_objects import at, bucket, front, moto, objects  # noqa: F401  (fixtures)
from test_shared import key_of, make, settle
from test_signing import keys, sent_by  # noqa: F401

from p2m.engine.care.gc_shared import collect_shared
from p2m.engine.storage.signing import public_keys
from p2m.engine.store import Store


def test_signed_entries_and_a_quota_hold_in_an_object_store(
    tmp_path: Path,
    bucket: Any,  # noqa: F811
    keys: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = replace(at(bucket, "write"), quota=5_000, trust=public_keys([str(keys / "ci.pub")]))
    sent_by(tmp_path / "old", None, monkeypatch, at(bucket, "write"), 0)
    assert sent_by(tmp_path / "ci", keys / "ci", monkeypatch, place, 0).sent == 1  # signed anew
    used = json.loads(objects(bucket)["USAGE"])["bytes"]
    assert 0 < used < sum(len(content) for content in objects(bucket).values()) < 5_000
    first = Store(tmp_path / "reader", replace(place, mode="read"))
    assert first.lookup(key_of(0)[0]) is not None

    monkeypatch.setenv("P2M_SHARED_STORE_KEY", str(keys / "ci"))
    large = Store(tmp_path / "large", place)
    make(large, 1, weights=bytes(9_000))
    assert settle(large)[-1:] == ["1 results were not sent; the next build sends them"]
    assert large.sent == 0
    settle(Store(tmp_path / "large", place))  # files are sent side by side: some may come after the refusal
    used = json.loads(objects(bucket)["USAGE"])["bytes"]
    settle(Store(tmp_path / "large", place))
    assert json.loads(objects(bucket)["USAGE"])["bytes"] == used, "its other files are there already"
    collect_shared(place, None, delete=True)
    assert "USAGE" in objects(bucket)  # nothing went, so it is as right as it was
