"""What runs inside a child before the bot does; `main` takes `--lifeline N [--conditions JSON] KIND WORDS...`.

It takes over the channels, ends the process when the main process is gone, and then runs the NoneBot project, a
script, a callable, or another program. NoneBot is imported here only, and only when it is to run.
"""

import asyncio
import functools
import importlib
import inspect
import json
import os
import re
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from liteyuki._platform import (
    STOP_SIGNAL,
    apply_conditions,
    forbid_inheriting,
    give_signals_back,
    listener_of_port,
    port_is_taken,
    take_signals_as_usual,
)
from liteyuki.child.plugin_loading import Loading, inherit_loading
from liteyuki.comm.protocol import StateReport
from liteyuki.comm.registry import current_registry, own_channel, own_process
from liteyuki.errors import LiteyukiError, ProjectError
from liteyuki.exit_codes import COULD_NOT_START
from liteyuki.locale import set_language, text
from liteyuki.log import configure
from liteyuki.project import read_project
from liteyuki.vitals import OWN_PLUGIN, inherit_pulse, start_heartbeat

__all__ = ["main"]

_LOADING: Final = ("nonebot/plugin", "importlib", "liteyuki/child/plugin_loading")
"""The names of files that load a plugin contain one of these, whoever wrote the plugin."""


class CannotStart(LiteyukiError):
    """The bot would end with uvicorn's exit code for that; the message says what is in the way."""


def main(arguments: list[str]) -> int:
    """Run what the command line says; the exit code."""
    _, lifeline, kind, *words = arguments
    take_signals_as_usual()
    set_language(os.environ.get("LITEYUKI_LANG", ""))
    if kind == "--conditions":
        conditions, kind, *words = words
        try:
            apply_conditions(**json.loads(conditions))
        except OSError as error:
            sys.exit(text("child.cannot_apply", error=error))
    if kind == "command":
        _become(int(lifeline), words)
        return 1
    forbid_inheriting(int(lifeline))
    threading.Thread(target=_follow_main_process, args=(int(lifeline),), daemon=True).start()
    configure(
        level=os.environ.get("LITEYUKI_LOG_LEVEL", "INFO"),
        icons=os.environ.get("LITEYUKI_LOG_ICONS") != "false",
    )
    current_registry().inherit()
    inherit_pulse(own_process() or "")
    # Only now, so that a file of the project cannot hide a module of ours or of Python's with the same name.
    sys.path.insert(0, str(Path.cwd()))
    run: dict[str, Callable[..., None]] = {"app": run_app, "script": run_script, "target": run_target}
    try:
        run[kind](*words)
    except SystemExit as stop:
        if _was_loading(stop):
            _report("cannot_start", [text("child.exited_while_loading", place=_place(stop), code=stop.code)])
        raise
    except CannotStart as error:
        _report("cannot_start", [str(error)])
        return COULD_NOT_START
    except LiteyukiError as error:
        _report("cannot_start", [str(error)])
        return 1
    return 0


def _become(lifeline: int, words: list[str]) -> None:
    """Turn into another program. When the main process is gone, its guard asks the program to stop, and ends it."""
    os.set_blocking(lifeline, False)
    try:
        os.read(lifeline, 1)
        return  # the main process is gone already
    except BlockingIOError:
        os.close(lifeline)
    give_signals_back()
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.exit(text("child.cannot_exec", program=words[0], error=error.strerror))


def _follow_main_process(lifeline: int) -> None:
    """Runs on a thread of its own: the lifeline ends when the main process does, however that died.

    This is the chance to run the shutdown hooks; the main process's guard ends what takes longer.
    """
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), STOP_SIGNAL)


# --- what there is to run


def run_app(_name: str) -> None:
    """The NoneBot project of this folder, as `nb run` would run it without a `bot.py`."""
    project = read_project(Path.cwd())
    nonebot = _import_nonebot()
    nonebot.init()
    driver = nonebot.get_driver()
    for module in project.adapters:
        driver.register_adapter(_import_adapter(module))
    if project.builtin_plugins:
        nonebot.load_builtin_plugins(*project.builtin_plugins)
    nonebot.load_all_plugins(set(project.plugins) - {OWN_PLUGIN}, project.plugin_dirs)
    nonebot.run()


def run_script(path: str) -> None:
    """A script that calls `nonebot.run()` itself, as `python path` would run it."""
    script = Path(path).resolve()
    if not script.is_file():
        raise ProjectError(text("project.no_script", path=script))
    _import_nonebot()
    sys.argv = [path]
    sys.path[0] = str(script.parent)
    runpy.run_path(path, run_name="__main__")


def run_target(target: str, call: str) -> None:
    """A callable by name, `module:function`; one that is `async` gets an event loop."""
    module_name, _, function_name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise ProjectError(text("project.no_module", module=module_name)) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ProjectError(text("project.no_callable", module=module_name, function=function_name))
    arguments = json.loads(call)
    _report("loaded")
    _report("ready")
    result = function(*arguments["args"], **arguments["kwargs"])
    if inspect.iscoroutine(result):
        asyncio.run(_seen_to_turn(result))


async def _seen_to_turn(main: Coroutine[Any, Any, object]) -> None:
    start_heartbeat()
    await main


# --- NoneBot


def _import_nonebot() -> Any:
    """NoneBot, with our plugin loaded first, reporting its progress to the main process.

    `init` and `run` are wrapped because a user's own script calls them; nothing of theirs is changed.
    """
    try:
        nonebot = importlib.import_module("nonebot")
    except ModuleNotFoundError as error:
        if error.name != "nonebot":
            raise
        raise ProjectError(text("project.no_nonebot", python=sys.executable)) from error
    original_init, original_run = nonebot.init, nonebot.run
    loading = inherit_loading()

    @functools.wraps(original_init)
    def init(*args: Any, **kwargs: Any) -> None:
        original_init(*args, **kwargs)
        _watch_hooks(nonebot, loading)
        _load_plugin()

    _watch_plugins(nonebot, loading)
    problems = _watch_loading(nonebot)

    @functools.wraps(original_run)
    def run(*args: Any, **kwargs: Any) -> None:
        driver = nonebot.get_driver()
        if getattr(driver.config, "fastapi_reload", False):
            raise ProjectError(text("project.fastapi_reload"))
        _report("loaded", problems, _end_loading(nonebot, loading))
        if isinstance(driver, importlib.import_module("nonebot.drivers").ASGIMixin):
            _check_port(*_address(driver, *args, **kwargs))
        original_run(*args, **kwargs)

    vars(nonebot).update(init=init, run=run)
    return nonebot


def _load_plugin() -> None:
    """Load our plugin before the project's, whether or not the project lists it.

    NoneBot refuses to load a plugin that an earlier manager is in charge of, so that manager is removed again; the
    plugin stays.
    """
    from nonebot.plugin import _managers
    from nonebot.plugin.manager import PluginManager

    if any(OWN_PLUGIN in manager.available_plugins for manager in _managers):
        return
    manager = PluginManager([OWN_PLUGIN])
    _managers.append(manager)
    try:
        manager.load_plugin(OWN_PLUGIN)
    finally:
        _managers.remove(manager)


def _watch_plugins(nonebot: Any, loading: Loading | None) -> None:
    if loading is None:
        return
    from nonebot.plugin import load
    from nonebot.plugin.manager import PluginLoader, PluginManager

    loading.watch(PluginLoader, PluginManager)
    # Plugins and scripts take it from there.
    load.require = nonebot.plugin.require = nonebot.require = loading.watch_require(load.require)


def _watch_hooks(nonebot: Any, loading: Loading | None) -> None:
    from nonebot.utils import is_coroutine_callable

    if loading is not None:
        loading.watch_hooks(nonebot.get_driver()._lifespan, is_coroutine_callable)


def _end_loading(nonebot: Any, loading: Loading | None) -> list[str]:
    """The plugins that did not load because they need one that is left out."""
    if loading is None:
        return []
    loading.ended()
    return loading.not_loaded({plugin.module_name for plugin in nonebot.get_loaded_plugins()})


def _watch_loading(nonebot: Any) -> list[str]:
    """A list that gets one sentence for each plugin that fails to load; NoneBot itself only logs it."""
    from nonebot.log import logger

    problems: list[str] = []

    def note(message: Any) -> None:
        record = message.record
        if record["exception"] is None or not str(record["name"]).startswith("nonebot"):
            return
        error = record["exception"].value
        named = re.search('"(.+)"', record["message"])
        name = named[1] if named else record["message"]
        problems.append(text("child.plugin_failed", name=name, error=_one_line(error), place=_place(error)))

    logger.add(note, level="ERROR", format="{message}", filter=lambda record: record["function"] == "load_plugin")
    return problems


def _was_loading(stop: SystemExit) -> bool:
    """Whether importing a plugin raised it."""
    return any(frame.f_code.co_name == "load_plugin" for frame, _ in traceback.walk_tb(stop.__traceback__))


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _place(error: BaseException) -> str:
    """The file and line where it was raised, as close to the user's own code as possible."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    place = "?"
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and not any(part in file for part in _LOADING):
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _import_adapter(module: str) -> Any:
    try:
        return importlib.import_module(module).Adapter
    except ImportError as error:
        raise ProjectError(text("project.no_adapter", module=module, error=_one_line(error))) from error


def _address(driver: Any, host: str | None = None, port: int | None = None, **_: Any) -> tuple[str, int]:
    """Where `nonebot.run`, called with these arguments, will listen."""
    return str(host or driver.config.host), int(port or driver.config.port)


def _check_port(host: str, port: int) -> None:
    """Check the port before the bot does: the bot would only find out after it has said that it is ready."""
    if port_is_taken(host, port):
        pid = listener_of_port(port)
        key = "child.port_taken_by" if pid else "child.port_taken"
        raise CannotStart(text(key, host=host, port=port, pid=pid))


def _report(state: Any, problems: list[str] | None = None, not_loaded: list[str] | None = None) -> None:
    if own_process() is not None:
        own_channel("passive").tell(StateReport(state, list(problems or ()), not_loaded=list(not_loaded or ())))
