"""`LiteyukiBot`: the main process, as its plugins see it."""

import liteyuki._late_tls  # noqa: F401 (before anything that imports asyncio)

# isort: split
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

from liteyuki._platform import (
    give_memory_back,
    is_init,
    make_standard_handles,
    take_memory_from_one_place,
    take_signals_as_usual,
)
from liteyuki.comm.broker import MainBroker
from liteyuki.comm.protocol import ANSWER_TIMEOUT, Origin, RestartAnswer
from liteyuki.comm.registry import current_registry
from liteyuki.comm.transport import drop_inheritance
from liteyuki.config import Settings, check_processes, load_settings, read_language
from liteyuki.control import ControlServer
from liteyuki.errors import AlreadyRunningError, NoMainProcess, StartError, UnknownProcess
from liteyuki.exit_codes import BAD_SETTINGS, FAILED, GAVE_UP
from liteyuki.hooks import Hook, WithHooks
from liteyuki.locale import set_language, text
from liteyuki.log import configure, logger
from liteyuki.plugin import PluginThread, load_plugin, load_plugins
from liteyuki.runtime_dir import RuntimeDirectory
from liteyuki.sd_notify import ServiceManager
from liteyuki.supervise import Event, EventKind, RequestServer, Supervisor
from liteyuki.supervise.history import HistoryWriter
from liteyuki.supervise.output import OWN_LOG, Console, LogWriter, OwnLog
from liteyuki.vitals import drop_pulse

__all__ = ["LiteyukiBot", "get_bot"]

T = TypeVar("T")

_PASSED_ON_BY_INIT: Final = (signal.SIGUSR1, signal.SIGUSR2)
_LOAD_TIMEOUT: Final = 10.0
"""Seconds after which the processes are started although a plugin is still being imported."""

# The one bot of this main process, for the plugins that it imports.
_bot: "LiteyukiBot | None" = None


def get_bot() -> "LiteyukiBot":
    """The bot of this main process. Raises `NoMainProcess` in any other process, and before `run`."""
    if _bot is None:
        raise NoMainProcess(text("error.not_main_process"))
    return _bot


class LiteyukiBot(WithHooks):
    """Launches the processes of a project, keeps them alive, and calls the hooks of main-process plugins.

    `directory` is the project's folder (the current one unless given); keyword arguments are settings, as in
    `[tool.liteyuki]`, and win over all others. Making one starts nothing; `run` does.
    """

    def __init__(self, directory: Path | str | None = None, **overrides: Any) -> None:
        super().__init__()
        self._directory = Path(directory or Path.cwd()).resolve()
        self._overrides = overrides
        self._settings: Settings | None = None
        self._supervisor: Supervisor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._plugins: PluginThread | None = None
        self._stop_asked = asyncio.Event()
        self._service_manager = ServiceManager({})
        self._signals = 0

    # --- run, stop, restart

    def run(self) -> NoReturn:
        """Run in the foreground until SIGINT, SIGTERM or `stop`; ends in `SystemExit`.

        Exit code 0: stopped as asked; 1: failed; 2: bad configuration; 70: gave up on a process that must run.
        From the main thread, once.
        """
        global _bot
        _bot = self
        make_standard_handles()
        drop_inheritance(os.environ)
        drop_pulse(os.environ)
        self._service_manager = ServiceManager(os.environ)
        take_signals_as_usual()
        take_memory_from_one_place()
        # The kernel does not deliver SIGQUIT to the first process of a container unless it is handled.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *([signal.SIGQUIT] if is_init() else [])):
            # `nohup` ignores SIGHUP, which we honour. A shell ignores SIGINT for what it starts with `&`, which does
            # not mean that we should.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            set_language(read_language(self._directory, os.environ, self._overrides))
            self._settings = load_settings(self._directory, os.environ, self._overrides)
            set_language(self._settings.lang)
            check_processes(self._settings)
            # As with `python bot.py`: a plugin beside the project's files is found by its name.
            sys.path.insert(0, str(self._directory))
            with RuntimeDirectory(self._settings.data_dir, self._directory) as runtime:
                code = asyncio.run(self._main(self._settings, runtime))
        except (StartError, OSError) as error:
            print(text("main.cannot_start", error=error), file=sys.stderr)
            code = FAILED if isinstance(error, AlreadyRunningError) else BAD_SETTINGS
        finally:
            _bot = None
        _leave(code)

    def stop(self) -> None:
        """Stop all processes in order, then end `run` with exit code 0. From any thread. Idempotent."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_asked.set)

    def restart_process(self, name: str | None = None, *, reason: str = "") -> RestartAnswer:
        """Restart a process (the first one unless named), as a request from a chat would.

        Returns as soon as that has begun. From any thread, while `run` runs; raises `UnknownProcess`.
        """
        supervisor = self._running_supervisor()
        name = name or supervisor.names[0]
        answer = self._on_main_loop(lambda: supervisor.restart(name, reason=reason, origin=Origin(kind="main")))
        if answer.outcome == "unknown":
            raise UnknownProcess(name, answer.known)
        return answer

    def get_config(self, key: str, default: Any = None) -> Any:
        """A setting as written, by dotted name (`"processes.nonebot.cwd"`), or `default`."""
        value: Any = self._settings.raw if self._settings is not None else {}
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return default
            value = value[part]
        return value

    # --- inside

    def _running_supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise NoMainProcess(text("error.not_main_process"))
        return self._supervisor

    def _on_main_loop(self, function: Callable[[], T]) -> T:
        if self._loop is None or threading.current_thread() is threading.main_thread():
            return function()

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(ANSWER_TIMEOUT)

    async def _main(self, settings: Settings, runtime: RuntimeDirectory) -> int:
        self._loop = asyncio.get_running_loop()
        self._stop_asked = asyncio.Event()
        if self._is_to_stop():
            return 0
        console = Console(sys.stdout.fileno())
        console.bind(self._loop)
        log_writer = LogWriter(runtime.logs, settings.log_files)
        own_log = OwnLog(console, log_writer.stream(OWN_LOG))
        configure(level=settings.log_level, icons=settings.log_icons, write=own_log.write)
        history = HistoryWriter(runtime.history)
        plugins = self._plugins = PluginThread()
        registry = current_registry()
        registry.handler_loop = plugins.handler_loop
        supervisor = self._supervisor = Supervisor(
            settings.processes,
            environment=_environment_of_children(settings),
            console=console,
            listener=self._on_event,
            history=history,
            log_writer=log_writer,
        )
        broker = registry.broker = MainBroker(supervisor.channels, registry.table, registry.handler_loop)
        requests = RequestServer(supervisor, broker)
        if console.is_terminal:
            self._loop.add_signal_handler(signal.SIGWINCH, supervisor.resize_terminals)
        for number in _PASSED_ON_BY_INIT if is_init() else ():
            self._loop.add_signal_handler(number, supervisor.pass_on, number)
        control = ControlServer(supervisor, requests, runtime.control_socket, on_stop=self._stop_asked.set)
        logger.info(text("main.started", pid=os.getpid(), directory=settings.directory))
        await self._load_plugins(settings, plugins)
        if self._is_to_stop():
            self._stop_asked.set()
        try:
            await control.start()
            return await self._serve(supervisor)
        finally:
            await control.close()
            await plugins.close()
            registry.handler_loop = registry.broker = None
            history.close()
            self._service_manager.close()
            self._loop = self._plugins = self._supervisor = None
            own_log.flush()
            log_writer.close()
            own_log.flush()
            console.close()
            configure(level=settings.log_level, icons=settings.log_icons)

    async def _load_plugins(self, settings: Settings, plugins: PluginThread) -> None:
        if not (settings.plugins or settings.plugin_dirs):
            return
        loaded: asyncio.Future[Any] = plugins.submit(_load(settings))
        stop: asyncio.Future[Any] = asyncio.ensure_future(self._stop_asked.wait())
        done, _ = await asyncio.wait({loaded, stop}, timeout=_LOAD_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if loaded in done and (error := loaded.exception()) is not None:
            logger.opt(exception=error).error(
                text("plugin.failed", name=", ".join(map(str, settings.plugin_dirs)), error=error)
            )
        if not done:
            logger.warning(text("plugin.late", seconds=_LOAD_TIMEOUT, place=plugins.place()))

    async def _call(self, hook: Hook, *facts: object) -> None:
        if self._plugins is not None and self._hooks.has(hook):
            await self._plugins.run(self._hooks.call(hook, *facts))

    async def _serve(self, supervisor: Supervisor) -> int:
        await self._call(Hook.BEFORE_START)
        await supervisor.start(self._stop_asked)
        await self._call(Hook.AFTER_START)
        self._service_manager.ready()
        give_memory_back()
        stop = asyncio.ensure_future(self._stop_asked.wait())
        gave_up = asyncio.ensure_future(supervisor.until_given_up())
        await asyncio.wait({stop, gave_up}, return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        self._service_manager.stopping()
        await supervisor.stop()
        await self._call(Hook.AFTER_SHUTDOWN)
        stop.cancel()
        code = GAVE_UP if gave_up.done() else 0
        gave_up.cancel()
        logger.info(text("main.stopped", seconds=time.monotonic() - began))
        return code

    def _is_to_stop(self) -> bool:
        """Whether a signal came, perhaps before there was an event loop."""
        return self._signals > 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The signal handler itself, not a callback of the loop, which a plugin may hold up."""
        if not self._signals:
            self._signals += 1
            logger.info(text("main.stopping"))
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop_asked.set)
            return
        if self._supervisor is not None:
            self._supervisor.kill()
        print(text("main.forced"), flush=True)
        os._exit(FAILED)

    async def _on_event(self, event: Event) -> None:
        if self._service_manager.is_there and self._supervisor is not None:
            states = (f"{status.name} {text(f'state.{status.state}')}" for status in self._supervisor.status())
            self._service_manager.status(", ".join(states))
        if self._plugins is not None:
            self._plugins.watch()  # whoever subscribes to events gets this one
        if event.kind is EventKind.BEFORE_SHUTDOWN:
            await self._call(Hook.BEFORE_PROCESS_SHUTDOWN, event.process)
        elif event.kind is EventKind.BEFORE_RESTART:
            await self._call(Hook.BEFORE_PROCESS_RESTART, event.process)
        elif event.kind is EventKind.RESTARTED:
            await self._call(Hook.AFTER_RESTART, event.process)
        elif event.kind is EventKind.READY:
            self._say_what_to_do_next(event)
            await self._call(Hook.PROCESS_READY, event)
        elif event.kind is EventKind.BEFORE_START:
            await self._call(Hook.BEFORE_PROCESS_START, event)
        elif event.kind is EventKind.EXITED:
            await self._call(Hook.PROCESS_EXIT, event)

    def _say_what_to_do_next(self, event: Event) -> None:
        point = self._running_supervisor().keeper(event.process).connection_point
        if event.generation == 1 and point is not None:
            logger.info(text("main.connect", url=point.url))
            logger.info(text("main.next"))


async def _load(settings: Settings) -> None:
    for name in settings.plugins:
        load_plugin(name)
    load_plugins(*settings.plugin_dirs)


def _leave(code: int) -> NoReturn:
    """End this process, even if threads of plugins do not end."""
    # Daemon threads count, too: the threads of an executor are daemons, but Python waits for them.
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _environment_of_children(settings: Settings) -> dict[str, str]:
    """The environment of every child: this process's own, and what Liteyuki adds."""
    return {
        **os.environ,
        "LITEYUKI_LANG": settings.lang,
        "LITEYUKI_LOG_LEVEL": settings.log_level,
        "LITEYUKI_LOG_ICONS": "true" if settings.log_icons else "false",
        # What a child prints must not be in its buffer when it dies.
        "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),
        # A child that dies of a signal then tells where it was.
        "PYTHONFAULTHANDLER": os.environ.get("PYTHONFAULTHANDLER", "1"),
    }
