"""The folder of one store: ledger, key file, keys, identities. What runs in it is the project's matter.

ledger.db          events and read models            keys.due    one data key per run, wrapped
ledger.key         the log's private key, 0600       kek         what wraps them, 0600 (or DUE_KEK)
ledger.pub         the log's public key, to hand out identities.yaml
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dueprocess.errors import StoreUnavailable
from dueprocess.ledger import Keyring, SigningKey, Store, VerifierKey
from dueprocess.stores.kek import KekFile, KekText, publish, sync_folder
from dueprocess.stores.keyfile import KeyFile
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.wiring.identity import IdentityFile

KEK_VARIABLE: Final = "DUE_KEK"
ORIGIN: Final = "dueprocess.local"  # the name a log signs under where the project gives none
_SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An open folder. Close the store when done."""

    path: Path
    store: Store
    keys: Keyring
    signing_key: SigningKey
    identities: IdentityFile

    @property
    def verifier(self) -> VerifierKey:
        """The public key of the log."""
        return self.signing_key.verifier


def open_home(path: Path, environment: Mapping[str, str], *, origin: str = "") -> Home:
    """Opens the folder of a store, and makes what is missing in it.

    Raises:
        StoreUnavailable: the folder or a file in it cannot be read or written.
        WrongKek, KeyFileInvalid: the keys in it were wrapped under another key, or are not keys.
    """
    try:
        _make_folder(path)
        seed = _seed(path / "ledger.key")
        name = origin or ORIGIN
        signing_key = SigningKey.from_seed(seed, name=name)
        publish(path / "ledger.pub", content=f"{signing_key.verifier}\n".encode)
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}; expected a folder that can be written to") from None
    secret = environment.get(KEK_VARIABLE)
    source = KekFile(path=path / "kek") if secret is None else KekText(text=secret, name=KEK_VARIABLE)
    if secret is None and (path / "keys.due").exists() and not (path / "kek").exists():
        raise StoreUnavailable(
            f"{path / 'kek'} is missing, and {path / 'keys.due'} was wrapped under it; put it back, or set {KEK_VARIABLE}"
        )
    keys = KeyFile.open(path / "keys.due", source.load())
    store = SqliteStore(path / "ledger.db", keys=keys, signing_key=signing_key, origin=name)
    return Home(
        path=path,
        store=store,
        keys=keys,
        signing_key=signing_key,
        identities=IdentityFile.open(path / "identities.yaml"),
    )


def _make_folder(path: Path) -> None:
    # INVARIANT I3: what is synced in a folder is only as safe as the folder's own name in the one above it.
    missing = [each for each in path.parents if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)
    path.mkdir(exist_ok=True)
    # At every opening: whoever made the folder may have died before its name was durable. A folder above it that cannot
    # be read was not made here.
    with suppress(PermissionError):
        sync_folder(path.parent)


def _seed(path: Path) -> bytes:
    publish(path, content=lambda: secrets.token_bytes(_SEED_BYTES))
    seed = path.read_bytes()
    if len(seed) != _SEED_BYTES:
        raise StoreUnavailable(f"{path} holds {len(seed)} bytes; expected the {_SEED_BYTES} bytes of an Ed25519 seed")
    return seed
