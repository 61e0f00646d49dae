"""What a child and the main process say to each other for `shared_memory`, over the control lane of their channel.

Values travel as `Encoded`, as the channel would carry them: the main process keeps what it need not understand.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from liteyuki.codec import message
from liteyuki.comm.storage.store import Encoded
from liteyuki.errors import NotANumber, NumberTooLarge, StorageError, StorageFull

__all__ = [
    "KeyState",
    "Publication",
    "StorageCall",
    "StorageEndWait",
    "StorageRefusal",
    "StorageSubscribe",
    "StorageWait",
]


@message(name="liteyuki.StorageCall")
@dataclass(frozen=True)
class StorageCall:
    """Child to main: do one thing to the table. Answered with what its method returns, or a `StorageRefusal`."""

    method: Literal["get", "set", "delete", "get_all", "increment", "compare_and_set"]
    arguments: tuple[Any, ...] = ()


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
