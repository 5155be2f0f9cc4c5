"""A bundle sent elsewhere: to the Hub, or to any address that fsspec knows.

What would be sent is looked up first (`offered`), so that it can be shown and agreed to; then it is sent, and
read back and compared (`send`). Credentials are those of huggingface_hub and of fsspec, and in no message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from p2m.delivery import MANIFEST, ORIGIN
from p2m.deploy.serving.command import CHECKSUMS
from p2m.deploy.serving.settings import SETTINGS
from p2m.deployment.bundles import Opened
from p2m.deployment.fsspec_place import FsspecPlace
from p2m.deployment.hub_place import HubPlace
from p2m.engine.storage.shared_address import checked_url, redacted
from p2m.errors import UserError

Say = Callable[[str], None]


class Place(Protocol):
    """Where a bundle may go."""

    @property
    def shown(self) -> str:
        """Its address, and who can read it."""

    def standing(self) -> tuple[str, ...]:
        """Relative paths of what is there; () where nothing is."""

    def checksums(self) -> str:
        """SHA256SUMS as it is there now."""

    def refuse(self, bundle: Opened) -> None:
        """Raises UserError where the bundle may not go there."""

    def send(self, bundle: Opened, stale: tuple[str, ...], say: Say) -> str:
        """Send every file, take `stale` ones away, and read all back; where it is to be found now."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What would be sent, and what is there already."""

    bundle: Opened
    place: Place
    standing: tuple[str, ...]
    stale: tuple[str, ...]  # files of the bundle that is there, and no part of this one

    @property
    def foreign(self) -> tuple[str, ...]:
        """Files that are there and of neither bundle: they stay."""
        return tuple(sorted({*self.standing} - {*self.bundle.files} - {*self.stale}))


def place_of(address: str, *, public: bool) -> Place:
    """Where an address leads.

    Raises:
        UserError: it is none, or holds a secret.
    """
    if address.startswith("hf://"):
        return HubPlace.of(address, private=not public)
    try:
        url = checked_url(address)
    except ValueError as error:
        told = str(error).replace("s3://bucket/p2m", "hf://owner/name, s3://bucket/models/tickets")
        raise UserError(f"{redacted(address)}: {told}") from None
    if public:
        raise UserError("--public is of the Hub (hf://owner/name); elsewhere the place's own rules hold")
    return FsspecPlace.of(url)


def offered(bundle: Opened, place: Place, *, rejected: bool, overwrite: bool) -> Offer:
    """What would be sent.

    Raises:
        UserError: it does not meet its contract, or something is there, and neither was agreed to; or the
            place is the bundle's own.
        P2MError: the place cannot be looked at.
    """
    if not bundle.ships and not rejected:
        raise UserError(
            f"{bundle.folder}: its verdict is {bundle.decision}, so it does not meet its contract\n"
            "    next: build one that does, or --rejected, which sends it all the same"
        )
    place.refuse(bundle)
    standing = place.standing()
    if standing and not overwrite:
        raise UserError(
            f"{place.shown}: {len(standing)} files are there already, such as {standing[0]}\n"
            "    next: another address, or --overwrite, which puts the bundle in their place"
        )
    listed = _listed(place.checksums()) if CHECKSUMS in standing else set()
    return Offer(bundle, place, standing, tuple(sorted((listed & {*standing}) - {*bundle.files})))


def _listed(text: str) -> set[str]:
    """What a bundle's SHA256SUMS lists; nothing of a list that is no bundle's."""
    found = {line.partition("  ")[2] for line in text.splitlines()}
    return found | {ORIGIN} if {MANIFEST, f"model/{SETTINGS}"} <= found else set()
