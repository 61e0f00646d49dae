"""A child's pulse: its event loop counts its turns in memory that the main process sees, too.

A beat costs a write to that memory, and wakes nobody up: the main process looks when it likes. A message for each
beat would wake it once per child and beat.
"""

from liteyuki.pulse.heartbeat import expect_no_turn, inherit_pulse, start_heartbeat
from liteyuki.pulse.page import Pulse, drop_pulse, make_pulse, offer_pulse

__all__ = ["Pulse", "drop_pulse", "expect_no_turn", "inherit_pulse", "make_pulse", "offer_pulse", "start_heartbeat"]
