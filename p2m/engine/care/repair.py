"""Set aside what `verify` found damaged, and ask the shared store for it where there is one.

Each thing is looked at again first, for builds go on meanwhile and may have made it anew; what cannot be had
from the shared store the next build makes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from p2m.engine.care.verify import Fault, Verification, digest_of
from p2m.engine.files import disk
from p2m.engine.files.file_locks import is_held, remove_unheld
from p2m.engine.recording import care as ledger_care
from p2m.engine.storage import kept, leases
from p2m.engine.store import Store
from p2m.errors import StoreError


def repair(store: Store, found: Verification) -> Verification:
    """Repair what can be; the faults then say what was done.

    Raises:
        StoreError: the store cannot be written.
    """
    return replace(found, faults=tuple(_repaired(store, fault) for fault in found.faults))


def _repaired(store: Store, fault: Fault) -> Fault:
    """The fault with what was done about it."""
    path = store.root / fault.path
    if fault.kind == "blob":
        if path.exists() and digest_of(path) != path.name:
            store.blobs.quarantine(path, fault.reason)
        return replace(fault, repair="set aside")
    if fault.kind in ("entry", "output"):
        return replace(fault, repair=_made_whole(store, path, fault))
    if fault.kind == "name":
        return replace(fault, repair=_salvaged(store, path))
    if fault.kind == "ledger":
        try:
            ledger_care.rewrite(path, lambda record: False)
        except (StoreError, OSError) as error:
            return replace(fault, reason=f"{fault.reason}; {error}")
        return replace(fault, repair="damaged bytes taken out; those requests are asked again")
    if fault.kind == "lease":
        return replace(fault, repair="deleted" if remove_unheld(path) else "")
    if fault.kind == "run" and is_held(store.root / leases.FOLDER / path.name):
        return fault
    store.blobs.quarantine(path, fault.reason)
    return replace(fault, repair="set aside")


def _made_whole(store: Store, path: Path, fault: Fault) -> str:
    key = path.name
    if "~" in key:
        store.blobs.quarantine(path, fault.reason)
        return "set aside; it was an alternative, which no build uses"
    store.entry(key)  # which sets it aside if it still does not verify
    if store.lookup(key) is not None:
        return "fetched again"
    store.forget(key, fault.reason)
    return "set aside; the next build makes it anew"


def _salvaged(store: Store, path: Path) -> str:
    words = kept.pins_in(disk.read_if_there(path) or b"")
    store.blobs.quarantine(path, "its seal is broken")
    if not words:
        return "set aside; nothing of it can be read, so keep that run again"
    kept.keep(store.root, path.name, "", "", words)
    return (
        f"written again with the {len(words)} keys and digests that can be read; better keep that run again"
    )
