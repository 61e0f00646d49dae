"""Channels that are made while processes run: the main process's half and a child's half of one protocol.

The main process makes every pair and offers each side its end. Here is also the table of a process's channels by name.
It imports `liteyuki.comm.channel` and what is below it; `liteyuki.comm.registry` and the supervisor import it.
"""

from liteyuki.comm.broker.child import ChildBroker
from liteyuki.comm.broker.main import MainBroker, Peers
from liteyuki.comm.broker.messages import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.broker.table import ChannelTable

__all__ = ["ChannelOffer", "ChannelRefused", "ChannelTable", "ChildBroker", "MainBroker", "OpenChannel", "Peers"]
