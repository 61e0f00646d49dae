"""Values to payloads and back: bytes and flags, with no I/O and no pickle.

It knows nothing of channels, frames or processes, and imports nothing of `liteyuki.comm`; whoever sends or keeps
values imports it.
"""

from liteyuki.codec.canonical import canonical_form
from liteyuki.codec.classes import UnknownMessage, message, register_codec_hook
from liteyuki.codec.containers import TakeIn
from liteyuki.codec.encoding import decode, decode_batch, encode, encode_parts, encode_plain
from liteyuki.codec.payload import LARGE_BYTES, RAW, Buffer, CodecError
from liteyuki.codec.walk import HandOver, LargeBuffer

__all__ = [
    "LARGE_BYTES",
    "RAW",
    "Buffer",
    "CodecError",
    "HandOver",
    "LargeBuffer",
    "TakeIn",
    "UnknownMessage",
    "canonical_form",
    "decode",
    "decode_batch",
    "encode",
    "encode_parts",
    "encode_plain",
    "message",
    "register_codec_hook",
]
