"""What a child tells about itself in memory that the main process also sees: its pulse, and the plugin it is loading.

A beat costs a write to that memory, and wakes nobody up: the main process looks when it likes. A message for each beat
would wake it once per child and beat.

It imports nothing of ours but the platform, the locale and the log.
"""

from liteyuki.vitals.heartbeat import expect_no_turn, inherit_pulse, start_heartbeat
from liteyuki.vitals.loading_page import OWN_PLUGIN, Loaded, LoadingPage, make_loading_page, offer_loading, take_loading
from liteyuki.vitals.pulse import Pulse, drop_pulse, make_pulse, offer_pulse

__all__ = [
    "OWN_PLUGIN",
    "Loaded",
    "LoadingPage",
    "Pulse",
    "drop_pulse",
    "expect_no_turn",
    "inherit_pulse",
    "make_loading_page",
    "make_pulse",
    "offer_loading",
    "offer_pulse",
    "start_heartbeat",
    "take_loading",
]
