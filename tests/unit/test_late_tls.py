"""OpenSSL in the main process: not loaded until somebody uses it, and then the same as always."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# This cipher needs no certificate, so both ends of a connection can be made without one.
HANDSHAKE = """
import asyncio, ssl, sys

def context(purpose):
    made = ssl.SSLContext(purpose)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    return made

async def answer(reader, writer):
    writer.write(await reader.readline())
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context(ssl.PROTOCOL_TLS_SERVER))
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context(ssl.PROTOCOL_TLS_CLIENT))
    writer.write(b"hello\\n")
    print((await reader.readline()).decode().strip(), writer.get_extra_info("cipher")[0])
    writer.close()
    server.close()

asyncio.run(main())
"""


def run(code: str) -> str:
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize("module", ["liteyuki.bot", "liteyuki.cli.main"])
def test_the_main_process_does_not_load_it(module: str) -> None:
    looking = "import inspect; [inspect.getmodule(thing) for thing in (inspect, print, len)]"
    assert run(f"import {module}, sys; {looking}; print('_ssl' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "using",
    [
        "import ssl; ssl.create_default_context()",
        "from ssl import SSLContext",
        "from ssl import *; SSLContext",
        "import asyncio.sslproto as proto; proto.SSLProtocol",
        "import asyncio; asyncio.sslproto.SSLProtocol",
        "import urllib.request, http.client; http.client.HTTPSConnection('localhost')",
    ],
)
def test_it_is_loaded_when_it_is_used(using: str) -> None:
    same = "import ssl, asyncio.base_events as events; assert events.ssl.SSLContext is ssl.SSLContext"
    assert run(f"import liteyuki.bot, sys; {using}; {same}; print('_ssl' in sys.modules)") == "True"


def test_its_names_can_be_replaced() -> None:
    code = "ssl._create_default_https_context = ssl._create_unverified_context"
    used = "import http.client; print(http.client.HTTPSConnection('localhost')._context.verify_mode.name)"
    assert run(f"import liteyuki.bot, ssl; {code}; {used}") == "CERT_NONE"


def test_a_name_that_does_not_exist_is_missing() -> None:
    code = """
try:
    ssl.nothing
except AttributeError as error:
    print(error, hasattr(ssl, "SSLContext"))
"""
    before = "import liteyuki.bot, ssl\n"
    assert run(before + code) == run("import ssl\n" + code) == "module 'ssl' has no attribute 'nothing' True"


def test_a_connection_is_made() -> None:
    assert run(f"import liteyuki.bot\n{HANDSHAKE}") == run(HANDSHAKE) == "hello AECDH-AES128-SHA"


def test_many_threads_load_it_once() -> None:
    code = """
import liteyuki.bot, ssl, threading
found, gate = [], threading.Barrier(8)
def use():
    gate.wait()
    found.append(ssl.SSLContext)
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found), len(set(found)))
"""
    assert run(code) == "8 1"


@pytest.mark.parametrize("before", ["asyncio", "ssl"])
def test_nothing_is_changed_when_it_is_imported_too_late(before: str) -> None:
    assert run(f"import {before}, liteyuki.bot, ssl, types; print(type(ssl) is types.ModuleType)") == "True"


def test_a_python_without_it_runs_as_well() -> None:
    code = """
import sys
class Without:
    def find_spec(self, name, *_):
        if name in ("ssl", "_ssl"):
            raise ModuleNotFoundError(name, name=name)
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "_ssl" else found(name, *rest)
sys.meta_path.insert(0, Without())
import liteyuki.bot, asyncio.base_events
print(asyncio.base_events.ssl)
"""
    assert run(code) == "None"
