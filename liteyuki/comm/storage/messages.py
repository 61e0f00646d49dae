"""What a child and the main process say to each other for `shared_memory`, over the control lane of their channel.

Values travel as `Encoded`, as the channel would carry them: the main process keeps what it need not understand.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from liteyuki.codec import message
from liteyuki.comm.storage.store import Encoded, Store
from liteyuki.errors import NotANumber, NumberTooLarge, StorageError, StorageFull

__all__ = [
    "OPERATIONS",
    "KeyState",
    "Publication",
    "StorageCompareAndSet",
    "StorageDelete",
    "StorageEndWait",
    "StorageGet",
    "StorageGetAll",
    "StorageIncrement",
    "StorageOperation",
    "StorageRefusal",
    "StorageSet",
    "StorageSubscribe",
    "StorageWait",
]


class StorageOperation(ABC):
    """Child to main: do one thing to the table. Answered with what `apply` returns, or a `StorageRefusal`."""

    @abstractmethod
    def apply(self, store: Store) -> Any:
        """In the process that owns `store`; see its method of the same name."""


@message(name="liteyuki.StorageGet")
@dataclass(frozen=True)
class StorageGet(StorageOperation):
    key: str

    def apply(self, store: Store) -> Encoded | None:
        return store.get(self.key)


@message(name="liteyuki.StorageSet")
@dataclass(frozen=True)
class StorageSet(StorageOperation):
    key: str
    value: Encoded
    ttl: float | None

    def apply(self, store: Store) -> None:
        store.set(self.key, self.value, self.ttl)


@message(name="liteyuki.StorageDelete")
@dataclass(frozen=True)
class StorageDelete(StorageOperation):
    key: str

    def apply(self, store: Store) -> bool:
        return store.delete(self.key)


@message(name="liteyuki.StorageGetAll")
@dataclass(frozen=True)
class StorageGetAll(StorageOperation):
    def apply(self, store: Store) -> dict[str, Encoded]:
        return store.get_all()


@message(name="liteyuki.StorageIncrement")
@dataclass(frozen=True)
class StorageIncrement(StorageOperation):
    key: str
    by: int | float

    def apply(self, store: Store) -> int | float:
        return store.increment(self.key, self.by)


@message(name="liteyuki.StorageCompareAndSet")
@dataclass(frozen=True)
class StorageCompareAndSet(StorageOperation):
    key: str
    expected: Encoded | None
    new: Encoded | None
    ttl: float | None

    def apply(self, store: Store) -> tuple[bool, Encoded | None]:
        return store.compare_and_set(self.key, self.expected, self.new, self.ttl)


OPERATIONS: Final[tuple[type[StorageOperation], ...]] = (
    StorageGet,
    StorageSet,
    StorageDelete,
    StorageGetAll,
    StorageIncrement,
    StorageCompareAndSet,
)

_REFUSALS: Final[dict[str, type[StorageError]]] = {
    error.__name__: error for error in (StorageFull, NotANumber, NumberTooLarge)
}


@message(name="liteyuki.StorageRefusal")
@dataclass(frozen=True)
class StorageRefusal:
    """Main to child: the table raised the error of this name, with these attributes."""

    name: str
    facts: dict[str, Any]

    @staticmethod
    def of(error: StorageError) -> "StorageRefusal":
        return StorageRefusal(type(error).__name__, dict(vars(error)))

    def error(self) -> StorageError:
        """The same error again. Raises `KeyError` for a name that is none of the table's errors."""
        return _REFUSALS[self.name](**self.facts)


@message(name="liteyuki.StorageWait")
@dataclass(frozen=True)
class StorageWait:
    """Child to main: answer with the `KeyState` of `key` as soon as its version is another than `seen` (None: now),
    or with None when a `StorageEndWait` comes with the same id."""

    key: str
    seen: int | None
    wait_id: UUID


@message(name="liteyuki.KeyState")
@dataclass(frozen=True)
class KeyState:
    """Main to child: what `key` holds; `value` is None, and `version` `ABSENT`, if it is not there."""

    version: int
    value: Encoded | None


@message(name="liteyuki.StorageEndWait")
@dataclass(frozen=True)
class StorageEndWait:
    """Child to main: nobody waits for `key` with that id any more. Wants no answer."""

    key: str
    wait_id: UUID


@message(name="liteyuki.StorageSubscribe")
@dataclass(frozen=True)
class StorageSubscribe:
    """Child to main: tell this process every `Publication` of `topic` from now on. Answered with None."""

    topic: str


@message(name="liteyuki.Publication")
@dataclass(frozen=True)
class Publication:
    """Child to main: publish this, answered with None. Main to child, told: somebody has published this."""

    topic: str
    value: Encoded
