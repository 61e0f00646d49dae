"""Shared memory: values that the main process keeps for all, and publications between processes.

It imports `liteyuki.comm.channel` and what is below it; `liteyuki.comm.registry` gives it a process, and the supervisor
has it serve children.
"""

from liteyuki.comm.storage.calls import MISSING
from liteyuki.comm.storage.client import Owner, StorageClient
from liteyuki.comm.storage.pubsub import Subscribers
from liteyuki.comm.storage.server import StorageServer
from liteyuki.comm.storage.shared_memory import SharedMemory
from liteyuki.comm.storage.watch import Change, Watch

__all__ = ["MISSING", "Change", "Owner", "SharedMemory", "StorageClient", "StorageServer", "Subscribers", "Watch"]
