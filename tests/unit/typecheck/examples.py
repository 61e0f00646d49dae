"""Types of every kind, as people write them."""

# ruff: noqa: UP006, UP035, UP045 - people still write `List` and `Optional`

import dataclasses
import enum
from collections.abc import Sequence  # noqa: F401 - `Twofold` names it
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    List,
    NamedTuple,
    NewType,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    runtime_checkable,
)

import typing_extensions
from pydantic import BaseModel, Field, FutureDate, PositiveInt
from typing_extensions import NotRequired, ReadOnly, Required, TypeAliasType, TypedDict

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
Ts = typing_extensions.TypeVarTuple("Ts")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: int


@runtime_checkable
class Named(Protocol):
    name: str


class Unnamed(Protocol):
    name: str


UserId = NewType("UserId", int)
Group = NewType("Group", List[UserId])


@dataclasses.dataclass
class Node:
    value: int
    next: "Node | None" = None
    others: 'list["Node"]' = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Link:
    next: "Link | None" = None


@dataclasses.dataclass
class Job:
    """Of every kind of thing that a dataclass can have."""

    limit: "ClassVar[Fraction]"
    seed: "dataclasses.InitVar[int]"
    _: "dataclasses.KW_ONLY"
    name: "Final[str]"
    derived: int = dataclasses.field(init=False)

    def __post_init__(self, seed: int) -> None:
        self.derived = seed


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    more: "list[T]" = dataclasses.field(default_factory=list)
    inner: "Box[T] | None" = None


@dataclasses.dataclass
class Labelled(Box[List[U]], Generic[U, V]):
    label: Optional[V] = None
    note: str = ""


@dataclasses.dataclass
class Texts(Box[str]):
    pass


@dataclasses.dataclass
class Several(Generic[T, typing_extensions.Unpack[Ts]]):
    first: T


@dataclasses.dataclass
class Rest(Generic[typing_extensions.Unpack[Ts]]):
    rest: tuple[typing_extensions.Unpack[Ts]]


@dataclasses.dataclass
class Growing(Generic[T]):
    next: "Growing[list[T]] | None" = None


class Named_(TypedDict):  # noqa: N801
    name: str


class Movie(Named_, total=False):
    year: Required["int"]
    stars: "NotRequired[ReadOnly[list[str]]]"
    similar: "Movie"
    anything: Any


class Entry(TypedDict, Generic[T]):
    it: T


class User(BaseModel):
    name: str
    age: PositiveInt = 1
    friends: "list[User]" = Field(default_factory=list)
    due: FutureDate | None = None


class Page(BaseModel, Generic[T]):
    items: List[T]


# To mypy, what is written with these is a value and no type.
alias: Any = TypeAliasType
Json = alias("Json", "dict[str, Json] | list[Json] | str | float | bool | None")
Both = alias("Both", Tuple[T, T], type_params=(T,))
Twofold = alias("Twofold", "Sequence[Twofold] | list[Twofold]")
