"""What is said of the command line: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # --- the history
    "history.failed": (
        "历史无法写入 {path}：{error}；进程照常运行，写得进去时会补记",
        "The history cannot be written to {path}: {error}. The processes run; what is missing is added as soon as possible",
    ),
    "history.resumed": (
        "历史又可以写入 {path} 了，丢失 {lost} 条",
        "The history is written to {path} again; entries lost: {lost}",
    ),
    "history.damaged": (
        "{path} 已损坏，或不是轻雪的历史文件；已改名为 {aside}，重新开始记录",
        "{path} is damaged, or is no history of Liteyuki; it is now called {aside}, and a new one has begun",
    ),
    "history.lost": (
        "最近的一些历史没能写入 {path}",
        "The latest part of the history was not written to {path}",
    ),
    "history.none": ("还没有历史：{path}", "There is no history yet in {path}"),
    "history.at": ("时间", "time"),
    "history.process": ("进程", "process"),
    "history.generation": ("代", "no."),
    "history.event": ("事件", "event"),
    "history.lived": ("用时", "after"),
    "history.cause": ("原因", "cause"),
    "history.kind_start": ("启动", "start"),
    "history.kind_ready": ("就绪", "ready"),
    "history.kind_restart": ("要求重启", "restart"),
    "history.kind_exit": ("退出", "exit"),
    "history.kind_gave_up": ("放弃", "gave up"),
    "history.code": ("退出码 {code}", "code {code}"),
    # --- `liteyuki chat`
    "chat_cli.welcome": (
        "正在与 {name} 对话。试试 /echo 你好、/状态、/重启；按 Ctrl+C 离开",
        "You are talking to {name}. Try /echo hi, /status, /restart. Ctrl+C leaves",
    ),
    "chat_cli.you": ("你", "you"),
    "chat_cli.no_answer": (
        "机器人在 {seconds:.0f} 秒内没有回应“{line}”{reason}",
        "the bot did not answer {line!r} within {seconds:.0f} s{reason}",
    ),
    "chat_cli.waiting": (
        "正在等待：{reason}",
        "waiting: {reason}",
    ),
    "chat_cli.away": (
        "（机器人已断开，正在重新连接……）",
        "(the bot is away; connecting again ...)",
    ),
    "chat_cli.back": (
        "（已重新连接）",
        "(connected again)",
    ),
    # --- the command line
    "cli.help": (
        "轻雪：让 NoneBot 机器人一直在线，在聊天中即可重启。",
        "Liteyuki keeps a NoneBot bot alive, and restarts it from the chat.",
    ),
    "cli.run": (
        "启动主进程并守护当前目录的 NoneBot 项目（或 SCRIPT，一个自己调用 nonebot.run() 的脚本）。",
        "Run and keep alive the NoneBot project of this folder, or SCRIPT, which calls nonebot.run() itself.",
    ),
    "cli.reload": (
        "机器人的源文件、.env 或 pyproject.toml 改动后自动重启它（开发时用）；轻雪自己的设置只在启动时读取。",
        "Restart the bot when its sources, .env or pyproject.toml change (for development). "
        "Liteyuki's own settings are read at the start only.",
    ),
    "cli.chat": (
        "在终端里与正在运行的机器人对话，不需要任何账号。",
        "Talk to the running bot from the terminal, without any account.",
    ),
    "cli.chat_say": (
        "说这句话并打印回复，可以重复给出。",
        "Say this and print the answers; may be given several times.",
    ),
    "cli.chat_timeout": (
        "等待每个回复的秒数，超过则以退出码 1 结束。",
        "Seconds to wait for each answer; then the exit code is 1.",
    ),
    "cli.chat_process": (
        "与哪个进程的机器人对话，默认为第一个。",
        "Which process's bot to talk to; the first one unless given.",
    ),
    "cli.chat_reconnect": ("断开后隔多少秒重新连接。", "Seconds between attempts to reconnect."),
    "cli.history": (
        "各进程何时、为何启动、退出和重启；不需要主进程在运行。",
        "When and why the processes started, ended and restarted. No main process has to run.",
    ),
    "cli.history_count": ("显示最近的多少条。", "How many of the latest entries to show."),
    "cli.history_output": (
        "在每次意外退出下面列出它最后的输出。",
        "List, below each death, what the process printed last.",
    ),
    "cli.logs": (
        "显示进程（默认为第一个）输出的最后几行；liteyuki 是主进程自己的日志。",
        "Show the last lines that a process has printed (the first one unless named); `liteyuki` is the main process's own log.",
    ),
    "cli.logs_count": ("显示最近的多少行。", "How many of the latest lines to show."),
    "cli.logs_follow": (
        "继续显示新的输出，按 Ctrl+C 结束。",
        "Go on with what is printed from now on; Ctrl+C ends it.",
    ),
    "logs.none": ("{name} 还没有日志：{path}", "There is no log of {name} yet: {path}"),
    "cli.service": (
        "打印系统服务的配置，让机器人随系统启动。",
        "Print what makes the bot a service of this system.",
    ),
    "cli.service_systemd": (
        "为当前目录的项目（或 SCRIPT）打印 systemd 单元文件。",
        "Print a systemd unit for the project of this folder, or for SCRIPT.",
    ),
    "cli.ignored": (
        "设置有误，liteyuki run 将无法启动：{error}",
        "With these settings `liteyuki run` would not start: {error}",
    ),
    "cli.failed": ("错误：{error}", "Error: {error}"),
    # --- errors
    "error.history": (
        "无法读取历史 {path}：{problem}",
        "The history {path} cannot be read: {problem}",
    ),
}
