"""What is said of the main process itself, its plugins, its hooks and its control socket: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # --- the main process
    "main.started": (
        "轻雪主进程已启动（pid {pid}），项目：{directory}",
        "Liteyuki's main process has started (pid {pid}) for {directory}",
    ),
    "main.connect": (
        "OneBot v11 客户端（NapCat 等）请用反向 WebSocket 连接 {url}",
        "Point the reverse WebSocket of a OneBot v11 client (NapCat, ...) to {url}",
    ),
    "main.next": (
        "没有账号也能试：另开一个终端运行 liteyuki chat；按 Ctrl+C 停止",
        "No account? Try it: run `liteyuki chat` in another terminal. Ctrl+C stops",
    ),
    "main.stopping": (
        "正在停止所有进程，再按一次 Ctrl+C 立即结束",
        "Stopping all processes; Ctrl+C again ends them at once",
    ),
    "main.forced": ("立即结束所有进程", "Ending all processes now"),
    "main.stopped": ("已全部停止，用时 {seconds:.1f} 秒", "Everything has stopped, in {seconds:.1f} s"),
    "main.cannot_start": ("无法启动：{error}", "Cannot start: {error}"),
    "service.what_to_do": (
        "存为 {path}，然后以 root 运行：systemctl daemon-reload && systemctl enable --now {name}",
        "Save as {path}, then as root: systemctl daemon-reload && systemctl enable --now {name}",
    ),
    # --- main-process plugins and hooks
    "plugin.loaded": (
        "已加载主进程插件 {name}",
        "Loaded main-process plugin {name}",
    ),
    "plugin.failed": (
        "主进程插件 {name} 未能加载：{error}",
        "Main-process plugin {name} did not load: {error}",
    ),
    "plugin.no_directory": ("plugin_dirs 中的 {path} 不是目录", "{path} in plugin_dirs is no folder"),
    "plugin.name_taken": (
        "已有名为 {name} 的模块，请给 {path} 换个名字",
        "there is a module {name} already; give {path} another name",
    ),
    "plugin.late": (
        "主进程插件 {seconds:.0f} 秒后仍未加载完（停在 {place}），先启动各进程",
        "A main-process plugin is still loading after {seconds:.0f} s (at {place}); starting the processes without it",
    ),
    "plugin.work_failed": (
        "主进程插件打断了对钩子的调用",
        "A main-process plugin has interrupted the calls of hooks",
    ),
    "plugin.would_end": (
        "主进程插件的任务试图结束主进程，已忽略",
        "A task of a main-process plugin wanted to end the main process, which goes on",
    ),
    "plugin.blocks": (
        "主进程插件在 {place} 处阻塞：其他插件和钩子都在等它，进程照常看护",
        "A main-process plugin blocks at {place}: other plugins and hooks wait for it, the processes do not",
    ),
    "hook.failed": ("钩子 {hook} 中的 {function} 出错", "{function}, called at {hook}, raised"),
    "hook.late": (
        "钩子 {hook} 超过 {seconds:.1f} 秒未完成，不再等待",
        "A hook of {hook} takes longer than {seconds:.1f} s; going on without it",
    ),
    # --- the control socket
    "control.refused": ("拒绝了一个控制请求：{error}", "A control request was refused: {error}"),
    "control.failed": ("控制请求 {method} 出错", "The control request {method} failed"),
    "control.no_onebot": (
        "{name} 不接受 OneBot v11 的反向 WebSocket：需要 OneBot 适配器（nb adapter install nonebot-adapter-onebot）和 FastAPI 驱动器（.env 中 DRIVER=~fastapi）",
        "{name} takes no OneBot v11 reverse WebSocket: that needs the OneBot adapter (`nb adapter install nonebot-adapter-onebot`) and the FastAPI driver (DRIVER=~fastapi in .env)",
    ),
    "control.not_ready": ("{name} 还没有就绪（{state}）", "{name} is not ready yet ({state})"),
    "rpc.not_json": ("不是 JSON：{error}", "not JSON: {error}"),
    "rpc.not_object": ("请求应为一个 JSON 对象", "a request is one JSON object"),
    "rpc.id": ("id 应为字符串或整数", "id takes a string or a whole number"),
    "rpc.request": ('jsonrpc 应为 "2.0"，method 应为字符串', 'jsonrpc takes "2.0", and method a string'),
    "rpc.params": ("params 应为对象", "params takes an object"),
    "rpc.line": ("一行超过了 {limit} 字节", "a line of over {limit} bytes"),
    "rpc.method": ("没有方法 {method}，可用的有：{known}", "there is no method {method}; there are: {known}"),
    "rpc.parameter": ("没有参数 {name}，可用的有：{known}", "there is no parameter {name}; there are: {known}"),
    "rpc.string": ("参数 {name} 应为字符串", "parameter {name} takes a string"),
    # --- errors
    "error.config": ("{source} 的设置 {key}：{problem}", "{source}, setting {key}: {problem}"),
    "error.already_running": (
        "{directory} 已有主进程在运行（pid {pid}）；请先停止它",
        "a main process runs for {directory} already (pid {pid}); stop that first",
    ),
    "error.runtime_dir": (
        "无法使用运行数据目录 {path}：{error}",
        "the folder for run-time data {path} cannot be used: {error}",
    ),
    "error.socket_path": (
        "{path} 对于套接字来说太长；请用 data_dir 设置一个更短的目录",
        "{path} is too long for a socket; set a shorter folder with data_dir",
    ),
    "error.no_main_process": (
        "本进程不是由轻雪启动的；请在项目目录中运行 liteyuki run",
        "this process was not started by Liteyuki; run `liteyuki run` in the project's folder",
    ),
    "error.not_main_process": (
        "这里没有正在运行的主进程；get_bot 等只能在主进程的插件中使用",
        "no main process runs here; get_bot and the like are for main-process plugins",
    ),
    "error.no_control_socket": (
        "没有主进程在运行（{path} 无法连接）；请先在项目目录中运行 liteyuki run",
        "no main process runs ({path} cannot be reached); first run `liteyuki run` in the project's folder",
    ),
    "error.main_process_silent": (
        "主进程在 {seconds:.0f} 秒内没有回应",
        "the main process did not answer within {seconds:.0f} s",
    ),
    "error.main_process_ended": ("主进程已结束", "the main process has ended"),
    "error.unknown_process": (
        "没有名为 {name} 的进程，现有：{known}",
        "there is no process {name}; there are: {known}",
    ),
    "error.bad_handles": (
        "LITEYUKI_HANDLES 无法使用（{value}）：{error}",
        "LITEYUKI_HANDLES cannot be used ({value}): {error}",
    ),
    "error.no_socket": ("句柄 {handle} 不是套接字", "handle {handle} is no socket"),
    "error.place": (
        "（位置：{path}）",
        " (at {path})",
    ),
}
