"""A script that never says that it is ready."""

import time

print("asleep", flush=True)
time.sleep(3600)
