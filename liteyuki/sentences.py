"""The table of sentences: key -> (Chinese, English)."""

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
    "console.dropped": (
        "……控制台太慢，此处省略了 {lines} 行……",
        "... the console was too slow: {lines} lines were left out here ...",
    ),
    "log.dropped": (
        "……日志来得太快，此处省略了 {lines} 行……",
        "... log lines came too fast: {lines} were left out here ...",
    ),
    # --- log files
    "log_file.dropped": (
        "……磁盘太慢，此处省略了 {lines} 行……",
        "... the disk was too slow: {lines} lines were left out here ...",
    ),
    "log_file.lost": (
        "……此处丢失了 {lines} 行：{error}……",
        "... {lines} lines were lost here: {error} ...",
    ),
    "log_file.failed": (
        "日志文件 {path} 无法写入：{error}；能够写入之前的输出只显示在控制台上，丢失的行数会记在文件里",
        "The log file {path} cannot be written: {error}. Until it can be, output goes to the console only; how many lines are lost will stand in the file",
    ),
    "log_file.works_again": ("日志文件 {path} 恢复写入", "The log file {path} can be written again"),
    "log_file.not_finished": (
        "{directory} 所在的磁盘太慢，最后 {size} 字节日志没有写完",
        "The disk that holds {directory} is too slow: the last {size} bytes of the log files were not written",
    ),
    # --- processes
    "process.started": ("{name}：已启动（pid {pid}）：{what}", "{name}: started (pid {pid}): {what}"),
    "process.started_again": (
        "{name}：已再次启动（pid {pid}）：{what}",
        "{name}: started again (pid {pid}): {what}",
    ),
    "process.ready": (
        "{name}：已就绪（pid {pid}），用时 {seconds:.2f} 秒",
        "{name}: ready (pid {pid}) after {seconds:.2f} s",
    ),
    "process.stopped": ("{name}：已停止（pid {pid}）", "{name}: stopped (pid {pid})"),
    "process.killed": (
        "{name}：要求停止 {seconds:.0f} 秒后仍在运行，已强制结束（pid {pid}）",
        "{name}: still running {seconds:.0f} s after it was asked to stop, so it was killed (pid {pid})",
    ),
    "process.still_running": (
        "{name}：要求停止后仍在运行：{what}",
        "{name}: still running although asked to stop: {what}",
    ),
    "process.left_running": (
        "{name}：退出后还留下了这些进程，现已结束：{what}",
        "{name}: left these running when it ended; they are ended now: {what}",
    ),
    "process.cannot_end": (
        "{name}：系统无法结束：{what}",
        "{name}: the system cannot end: {what}",
    ),
    "process.exited": (
        "{name}：自行退出（pid {pid}，{how}），运行了 {seconds:.1f} 秒",
        "{name}: ended by itself (pid {pid}, {how}) after {seconds:.1f} s",
    ),
    "process.died": (
        "{name}：意外退出（pid {pid}，{how}），运行了 {seconds:.1f} 秒",
        "{name}: died (pid {pid}, {how}) after {seconds:.1f} s",
    ),
    "process.by_code": ("退出码 {code}", "exit code {code}"),
    "process.by_signal": ("信号 {signal}", "signal {signal}"),
    "process.waits": ("{name}：{seconds:.1f} 秒后重新启动", "{name}: starting again in {seconds:.1f} s"),
    "process.waits_slowly": (
        "{name}：短时间内多次退出，原因见上方输出；{seconds:.0f} 秒后再试",
        "{name}: died too often in a short while, for the reason in its output above; next try in {seconds:.0f} s",
    ),
    "process.gave_up": (
        "{name}：短时间内退出了 {deaths} 次，不再重试；修好后请在聊天中发送 /restart {name}，或重新运行主进程",
        "{name}: died {deaths} times in a short while and is not tried again; once mended, say /restart {name} in the chat, or run the main process again",
    ),
    "process.cannot_spawn": (
        "{name}：系统无法创建进程：{error}",
        "{name}: the system cannot create the process: {error}",
    ),
    "process.start_timeout": (
        "{name}：{seconds:.0f} 秒（start_timeout）内未就绪，已强制结束",
        "{name}: not ready within {seconds:.0f} s (start_timeout), so it was killed",
    ),
    "process.slow_start": (
        "{name}：已过 {seconds:.0f} 秒仍未就绪，最后一行输出：{last}",
        "{name}: still not ready after {seconds:.0f} s; the last line it printed: {last}",
    ),
    "process.stays_stopped": (
        "{name}：按 restart = {mode} 的设置，不再启动",
        "{name}: stays stopped, as restart = {mode} says",
    ),
    "process.gave_up_for_all": (
        "{name}：短时间内退出了 {deaths} 次，按 give_up 的设置结束主进程（退出码 70）",
        "{name}: died {deaths} times in a short while; ending the main process, as give_up says (exit code 70)",
    ),
    "process.did_not_start": (
        "{name}：未能正常启动，原因见上方输出；{seconds:.0f} 秒后再试。修好后按 Ctrl+C 再重新运行，可马上重试",
        "{name}: did not start, for the reason in its output above; next try in {seconds:.0f} s. Once mended, press Ctrl+C and run again to try at once",
    ),
    "process.ended_now": (
        "{name}：已强制结束（pid {pid}）",
        "{name}: killed (pid {pid})",
    ),
    "order.waits": ("{name}：等 {others} 就绪后启动", "{name}: starts when {others} is ready"),
    "order.ended": (
        "{name}：未就绪便结束了；{others} 不再等它",
        "{name}: ended before it was ready; {others} waits for it no longer",
    ),
    "order.late": (
        "{name}：启动 {seconds:.0f} 秒后仍未就绪；{others} 不再等它",
        "{name}: still not ready {seconds:.0f} s after its start; {others} waits for it no longer",
    ),
    "state.queued": ("等待其他进程", "waiting for others"),
    # --- safe mode
    "safe_mode.left_out": (
        "{name}：插件 {plugin} 使它无法启动（{why}），接下来不加载这个插件（safe_mode）；修好后发送 /restart {name} 即可恢复",
        "{name}: the plugin {plugin} keeps it from starting ({why}) and is left out from now on (safe_mode); once mended, say /restart {name} to have it back",
    ),
    "safe_mode.starts_without": (
        "{name}：以安全模式启动，不加载插件 {plugins}",
        "{name}: starting in safe mode, without the plugins: {plugins}",
    ),
    "safe_mode.started_without": ("不加载插件 {plugins}", "without {plugins}"),
    "safe_mode.start_timeout": (
        "加载时卡住，{seconds:g} 秒（start_timeout）内未就绪",
        "it hung: not ready within {seconds:g} s (start_timeout)",
    ),
    "safe_mode.notice": (
        "{name} 无法正常启动，现以安全模式运行，其余插件照常工作。",
        "{name} could not start, and runs in safe mode now; its other plugins work as usual.",
    ),
    "safe_mode.without": ("未加载 {plugin}：{why}", "Left out: {plugin}, for {why}"),
    "safe_mode.dependents": (
        "依赖它的插件也未加载：{plugins}",
        "Not loaded, because they need it: {plugins}",
    ),
    "safe_mode.way_back": (
        "修好后发送 /restart {name} 即可恢复；详情见 /logs 200",
        "Once mended, say /restart {name} to have it back; see /logs 200 for details",
    ),
    "safe_mode.all_back": (
        "{name} 已恢复正常，重新加载了插件 {plugins}",
        "{name} is back to normal, with the plugins that were left out: {plugins}",
    ),
    "state.starting": ("启动中", "starting"),
    "state.loaded": ("已加载", "loaded"),
    "state.ready": ("运行中", "running"),
    "state.stopping": ("停止中", "stopping"),
    "state.waiting": ("等待重试", "waiting to retry"),
    "state.stopped": ("已停止", "stopped"),
    # --- the history
    "history.failed": (
        "历史无法写入 {path}：{error}；进程照常运行，写得进去时会补记",
        "The history cannot be written to {path}: {error}. The processes run; it is made up for as soon as it can be",
    ),
    "history.resumed": (
        "历史又可以写入 {path} 了，丢失 {lost} 条",
        "The history is written to {path} again; entries lost: {lost}",
    ),
    "history.damaged": (
        "{path} 已损坏，或不是轻雪的历史文件；已改名为 {aside}，重新开始记录",
        "{path} is damaged, or no history of Liteyuki's; it is now called {aside}, and a new one has begun",
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
    "cause.main_started": ("主进程启动", "main process started"),
    "cause.ended": ("自行结束", "ended by itself"),
    "cause.crash": ("崩溃", "crash"),
    "cause.signal": ("信号", "signal"),
    "cause.out_of_memory": ("内存不足", "out of memory"),
    "cause.start_failed": ("未能启动", "start failed"),
    "cause.start_timeout": ("启动超时", "start timeout"),
    "cause.watchdog": ("无响应", "watchdog"),
    "cause.memory_limit": ("内存超限", "memory limit"),
    "cause.age": ("到期", "age"),
    "cause.schedule": ("定时", "schedule"),
    "cause.file_change": ("文件变化", "file change"),
    "cause.chat": ("聊天命令", "asked in chat"),
    "cause.command_line": ("命令行", "asked on the command line"),
    "cause.plugin": ("插件要求", "asked by a plugin"),
    "cause.main_stopping": ("主进程停止", "main process stopping"),
    "cause.main_gone": ("主进程被杀", "main process killed"),
    # --- the watchdog and other causes of a restart
    "watchdog.stuck": (
        "{name}：事件循环已有 {seconds:g} 秒没有转动（pid {pid}），将强制结束并重新启动；各线程停在：",
        "{name}: its event loop has not turned for {seconds:g} s (pid {pid}); it is killed and started again. Its threads are at:",
    ),
    "watchdog.continued": (
        "{name}：已被信号暂停（SIGSTOP），{seconds:g} 秒没有运行；已让它继续",
        "{name}: was stopped by a signal (SIGSTOP) and has not run for {seconds:g} s; it was told to go on",
    ),
    "watchdog.traced": (
        "{name}：事件循环已有 {seconds:g} 秒没有转动，但有调试器在控制它，不作处理",
        "{name}: its event loop has not turned for {seconds:g} s, but a debugger holds it, so it is left alone",
    ),
    "pulse.blocked": (
        "{name}：事件循环已有 {seconds:.1f} 秒没有转动，此间机器人无法回应；它停在：\n{stack}",
        "{name}: its event loop has not turned for {seconds:.1f} s, and the bot cannot answer meanwhile; it is at:\n{stack}",
    ),
    "pulse.turns_again": (
        "{name}：事件循环停了 {seconds:.1f} 秒后恢复转动",
        "{name}: its event loop turns again, after {seconds:.1f} s",
    ),
    "limit.memory": (
        "连续 {samples} 次查看，内存都超过 memory_limit（{limit:.0f} MiB），现为 {used:.0f} MiB",
        "memory was over memory_limit ({limit:.0f} MiB) at {samples} looks in a row, and is {used:.0f} MiB now",
    ),
    "limit.memory_never_below": (
        "启动以来的 {samples} 次查看，内存都超过 memory_limit（{limit:.0f} MiB），现为 {used:.0f} MiB；这个上限可能太低了",
        "memory was over memory_limit ({limit:.0f} MiB) at all {samples} looks since its start, and is {used:.0f} MiB now; that limit may be too low for it",
    ),
    "limit.memory_unknown": (
        "{name}：无法得知本系统上进程的内存，memory_limit 不起作用",
        "{name}: this system does not tell how much memory a process takes, so memory_limit does nothing",
    ),
    "limit.age": ("运行时间已达 max_age（{seconds:g} 秒）", "it has run for max_age ({seconds:g} s)"),
    "limit.schedule": ("到了 schedule（{expression}）的时间", "it is time, says schedule ({expression})"),
    "reload.changed": ("文件有改动：{names}", "files have changed: {names}"),
    "reload.watching": (
        "{name}：监视 {paths} 中的源文件等，有改动就重启",
        "{name}: watching {paths}; when sources and the like change there, it is restarted",
    ),
    "reload.failed": (
        "{name}：无法监视 watch 中的文件，改动后请手动重启：{error}",
        "{name}: the files in watch cannot be watched, so restart by hand when they change: {error}",
    ),
    # --- restarts
    "restart.asked": (
        "{name}：收到重启请求，来自 {origin}，原因：{reason}",
        "{name}: restart asked for by {origin}, reason: {reason}",
    ),
    "restart.already": (
        "{name}：{origin} 请求重启，但已在重启中",
        "{name}: {origin} asked for a restart, which is under way already",
    ),
    "restart.repeated": (
        "{name}：{origin} 的重启消息重复送达，已忽略",
        "{name}: the message of {origin} that asks for a restart came a second time and was ignored",
    ),
    "restart.unknown": (
        "{origin} 请求重启不存在的进程 {name}",
        "{origin} asked to restart {name}, which is no process here",
    ),
    "notice.not_sent": (
        "未能发送重启完成的通知：{problem}",
        "The notice of a restart was not sent: {problem}",
    ),
    "notice.account_away": (
        "账号 {account} 在 {seconds:.0f} 秒内没有重新连接（{process} 已重启完成）",
        "account {account} did not come back within {seconds:.0f} s ({process} has restarted)",
    ),
    "notice.no_way": (
        "适配器 {adapter} 需要安装 nonebot-plugin-alconna 才能主动发送消息（{process} 已重启完成）",
        "adapter {adapter} needs nonebot-plugin-alconna to send a message of its own ({process} has restarted)",
    ),
    "notice.no_target": (
        "适配器 {adapter} 的会话无法记录，重启完成后将不会在聊天中通知",
        "the chat of adapter {adapter} cannot be kept, so there will be no notice there",
    ),
    "notice.failed": (
        "发送失败：{error}（{process} 已重启完成）",
        "sending failed: {error} ({process} has restarted)",
    ),
    "notice.superuser_not_told": (
        "未能在私聊中通知超级用户 {superuser}：{reason}",
        "The superuser {superuser} could not be told in private: {reason}",
    ),
    "notice.superuser_no_way": (
        "适配器 {adapter} 需要安装 nonebot-plugin-alconna 才能主动通知超级用户 {superuser}",
        "Adapter {adapter} needs nonebot-plugin-alconna to tell the superuser {superuser} something",
    ),
    # --- the chat
    "chat.restart_accepted": ("正在重启 {name}…", "Restarting {name}…"),
    "chat.restart_already": ("{name} 已经在重启了", "{name} is restarting already"),
    "chat.restart_unknown": (
        "没有名为 {name} 的进程，现有：{known}",
        "There is no process {name}; there are: {known}",
    ),
    "chat.restart_stopping": (
        "主进程正在停止，无法重启 {name}",
        "The main process is stopping, so {name} cannot be restarted",
    ),
    "chat.restarted": ("重启完成，用时 {seconds:.1f} 秒", "Restarted in {seconds:.1f} s"),
    "chat.outdated": (
        "这条消息发送之后已经重启过了，不再重启",
        "There has been a restart since that message was sent; not again",
    ),
    "chat.reason": ("聊天命令", "chat command"),
    "chat.failed": ("没有成功：{error}", "That did not work: {error}"),
    "chat.answer_lost": (
        "未能在聊天中回复，重启照常进行：{error}",
        "The chat could not be answered; the restart goes on: {error}",
    ),
    "chat.no_main_process": (
        "机器人不是由轻雪启动的，无法执行；请停止它，并在项目目录中运行 liteyuki run",
        "This bot was not started by Liteyuki, so that is not possible; stop it and run `liteyuki run` in its folder",
    ),
    "chat.no_superusers": (
        '没有配置 SUPERUSERS，因此除 liteyuki chat 外没有人能在聊天中使用 /重启；请在 .env 中设置，例如 SUPERUSERS=["你的 QQ 号"]',
        'SUPERUSERS is not set, so nobody but `liteyuki chat` can use /restart; set it in .env, for example SUPERUSERS=["your account"]',
    ),
    "chat.bad_count": (
        "{value} 不是行数，请写一个正整数（最多 200）",
        "{value} is no number of lines; write a whole number from 1 to 200",
    ),
    "chat.no_output": ("还没有输出", "Nothing was printed yet"),
    "chat.status_line": (
        "{name}：{state}，已运行 {uptime}，重启 {restarts} 次，内存 {memory}",
        "{name}: {state}, up {uptime}, restarts: {restarts}, memory: {memory}",
    ),
    "chat.status_left_out": ("　安全模式，未加载：{plugins}", "  in safe mode, without: {plugins}"),
    "chat.memory_of": ("{used}（上限 {limit}）", "{used} (limit {limit})"),
    "chat.days": ("{days} 天 {clock}", "{days} d {clock}"),
    "chat.restarted_other": (
        "重启完成（{name}），用时 {seconds:.1f} 秒",
        "Restarted ({name}) in {seconds:.1f} s",
    ),
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
    "chat.no_bot": (
        "已有 {minutes:g} 分钟没有任何机器人账号连接；NoneBot 本身运行正常，请检查 OneBot 客户端（NapCat 等）或网络",
        "No bot account has been connected for {minutes:g} min. NoneBot itself runs; look at the OneBot client (NapCat, ...) or the network",
    ),
    "chat.bot_back": (
        "账号 {account} 已连接，此前 {minutes:.0f} 分钟没有任何账号连接",
        "Account {account} is connected; before that there was none for {minutes:.0f} min",
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
    # --- the child
    "child.cannot_apply": (
        "系统不允许 user、nice、umask 或 rlimits 的设置：{error}",
        "the system refuses what user, nice, umask or rlimits say: {error}",
    ),
    "child.cannot_exec": ("无法运行 {program}：{error}", "Cannot run {program}: {error}"),
    "child.plugin_failed": (
        "插件 {name} 未能加载，位于 {place}：{error}；其余插件照常运行，修好后请在聊天中发送 /重启",
        "The plugin {name} did not load, at {place}: {error}. The others run; mend it, then say /restart in the chat",
    ),
    "child.exited_while_loading": (
        "插件在加载时退出了整个程序（{code}），位于 {place}",
        "the plugin ended the whole program while it was loaded ({code}), at {place}",
    ),
    "child.left_out": (
        "安全模式下不加载插件 {plugin}",
        "the plugin {plugin} is left out (safe mode)",
    ),
    "child.stands_in": (
        "脚本要求加载插件 {plugin}，而安全模式下不加载它，以一个空模块代替",
        "The script requires the plugin {plugin}, which is left out (safe mode); an empty module stands in for it",
    ),
    "child.port_taken": (
        "端口 {host}:{port} 已被占用；请停止占用它的程序，或在 .env 中设置另一个 PORT",
        "Port {host}:{port} is taken; stop the program that has it, or set another PORT in .env",
    ),
    "child.port_taken_by": (
        "端口 {host}:{port} 已被进程 {pid} 占用；请停止它，或在 .env 中设置另一个 PORT",
        "Port {host}:{port} is taken by process {pid}; stop that, or set another PORT in .env",
    ),
    # --- the project
    "project.no_pyproject": (
        "没有 {path}，这里不是 NoneBot 项目；{hint}",
        "There is no {path}, so this is no NoneBot project; {hint}",
    ),
    "project.no_nonebot_table": (
        "{path} 中没有 [tool.nonebot]；{hint}",
        "{path} has no [tool.nonebot]; {hint}",
    ),
    "project.has_bot_py": (
        "这里有 bot.py，可以运行 liteyuki run bot.py",
        "there is a bot.py: run `liteyuki run bot.py`",
    ),
    "project.create": (
        "请用 nb create 创建项目，或进入项目目录，或运行 liteyuki run 你的脚本.py",
        "create one with `nb create`, go to its folder, or run `liteyuki run your_script.py`",
    ),
    "project.bad_nonebot_table": (
        "{path} 的 [tool.nonebot] 有误：{error}",
        "[tool.nonebot] in {path} is wrong: {error}",
    ),
    "project.no_nonebot": (
        '{python} 中没有安装 nonebot2；请在项目的虚拟环境中运行 pip install "nonebot2[fastapi]"，并用其中的 liteyuki',
        'nonebot2 is not installed for {python}; run pip install "nonebot2[fastapi]" in the project\'s virtual '
        "environment, and use the liteyuki command of that",
    ),
    "project.no_adapter": (
        "[tool.nonebot] adapters 中的 {module} 无法导入：{error}；"
        "请用 nb adapter install 安装它，或从 pyproject.toml 中移除",
        "{module}, listed in [tool.nonebot] adapters, cannot be imported: {error}; install it with "
        "`nb adapter install`, or take it out of pyproject.toml",
    ),
    "project.no_script": (
        "找不到脚本 {path}；请检查路径，或 processes 中的 script",
        "There is no script {path}; check the path, or `script` in processes",
    ),
    "project.out_of_reach": (
        "进程 {name} 以用户 {user} 运行，但该用户无法读取它需要的 {path}；请把 Python 和项目放到该用户能读取的地方（如 /opt），或给出权限（chmod o+rx）",
        "Process {name} runs as user {user}, who cannot read {path}, which it needs; "
        "put Python and the project where that user can read, such as /opt, or give access (chmod o+rx)",
    ),
    "project.no_command": (
        "进程 {name} 的 command：找不到程序 {program}；请安装它，或写出完整路径",
        "command of process {name}: there is no program {program}; install it, or write its full path",
    ),
    "project.no_module": (
        "target 的模块 {module} 无法导入；请检查名称与 cwd",
        "The module {module} of `target` cannot be imported; check its name, and cwd",
    ),
    "project.no_callable": (
        "模块 {module} 中没有可调用的 {function}；请检查 target",
        "The module {module} has no callable {function}; check `target`",
    ),
    "project.bot_py_not_run": (
        "{path} 不会被运行，这里按 pyproject.toml 启动；要运行它请用 liteyuki run bot.py",
        "{path} is not run: the bot starts from pyproject.toml. To run it: `liteyuki run bot.py`",
    ),
    "project.fastapi_reload": (
        "FASTAPI_RELOAD 会把机器人放进另一个进程，无法由轻雪守护；请从 .env 中移除它",
        "FASTAPI_RELOAD puts the bot into yet another process, which Liteyuki cannot keep; take it out of .env",
    ),
    # --- settings
    "config.bad_value": ("不能是 {value}，{expected}", "cannot be {value}; {expected}"),
    "config.unknown_key": (
        "没有这个设置项，可用的有：{known}",
        "there is no such setting; there are: {known}",
    ),
    "config.not_toml": ("{path} 不是有效的 TOML：{error}", "{path} is not valid TOML: {error}"),
    "config.unreadable": ("无法读取 {path}：{error}", "{path} cannot be read: {error}"),
    "config.command_line": ("命令行", "command line"),
    "config.process_name": (
        "进程名只能由字母、数字、- 和 _ 组成",
        "the name of a process takes letters, digits, - and _",
    ),
    "config.one_program": (
        "与同一进程的其他写法冲突：app、script、target、command 只能写一个",
        "another of app, script, target, command is given for this process; give only one",
    ),
    "config.args_for_target": ("只能与 target 一起使用", "it goes with target only"),
    "config.takes_string": ("应为非空字符串", "it takes a string that is not empty"),
    "config.takes_boolean": ("应为 true 或 false", "it takes true or false"),
    "config.takes_number": (
        "应为不小于 {least:g} 的数",
        "it takes a number of at least {least:g}",
    ),
    "config.takes_seconds": (
        "应为不小于 0 的秒数",
        "it takes a number of seconds, at least 0",
    ),
    "config.takes_whole": (
        "应为不小于 {least:g} 的整数",
        "it takes a whole number of at least {least:g}",
    ),
    "config.takes_size": (
        '应为不小于 {least} 的大小，如 "512 MiB"（单位 B、KiB、MiB、GiB、TiB、kB、MB、GB、TB）',
        'it takes a size of at least {least}, such as "512 MiB" (in B, KiB, MiB, GiB, TiB, kB, MB, GB or TB)',
    ),
    "config.takes_limit": (
        '应为不小于 {least} 的大小，如 "512 MiB"（单位 B、KiB、MiB、GiB、TiB、kB、MB、GB、TB），0 为不限',
        'it takes a size of at least {least}, such as "512 MiB" (in B, KiB, MiB, GiB, TiB, kB, MB, GB or TB), '
        "or 0 for no limit",
    ),
    "config.takes_one_of": ("应为其中之一：{choices}", "it takes one of: {choices}"),
    "config.takes_strings": ("应为字符串的列表", "it takes a list of strings"),
    "config.takes_list": ("应为列表", "it takes a list"),
    "config.takes_table": ("应为表", "it takes a table"),
    "config.takes_share": ("应小于 1", "it takes a number below 1"),
    "config.takes_user": ("应为系统中已有的用户名", "it takes the name of a user that this system has"),
    "config.user_needs_root": (
        "只有以 root 运行的主进程才能切换到其他用户",
        "only a main process that runs as root can become another user",
    ),
    "config.takes_range": (
        "应为 {least} 到 {most} 的整数",
        "it takes a whole number from {least} to {most}",
    ),
    "config.takes_processes": (
        "没有进程 {name}，现有：{known}",
        "there is no process {name}; there are: {known}",
    ),
    "config.cycle": (
        "它们互相等待，谁都无法先启动：{way}",
        "they wait for each other, so none can start first: {way}",
    ),
    "config.name_taken": (
        "其中之一将名为 {name}，但已有这个名字的进程；请给它换个名字",
        "one of them would be called {name}, as another process is; give that another name",
    ),
    "config.takes_umask": (
        '应为引号中的八进制数字，如 "022"（不加引号会被当作别的数）',
        'it takes octal digits in quotes, such as "022" (without them it would be another number)',
    ),
    "config.takes_rlimit": (
        '应为不小于 0 的整数，或 "{unlimited}"',
        'it takes a whole number of at least 0, or "{unlimited}"',
    ),
    "config.limit_too_high": (
        "超过了当前的上限 {most:.0f}，只有 root 能提高它",
        "it is above the limit in force, {most:.0f}, which only root can raise",
    ),
    "config.takes_directory": ("应为存在的目录", "it takes a folder that exists"),
    "config.takes_cron": (
        '应为 cron 表达式，如 "0 4 * * *"（分 时 日 月 周）',
        'it takes a cron expression such as "0 4 * * *" (minute, hour, day, month, day of the week)',
    ),
    "config.takes_paths": (
        "应为存在的文件或目录的列表，从项目目录写起",
        "it takes a list of files and folders that exist, as seen from the project's folder",
    ),
    "config.no_loop": (
        "command 没有可供查看的事件循环，只能为 0 或不写",
        "a command has no event loop to watch; leave it out, or write 0",
    ),
    "config.takes_target": ('应形如 "包.模块:函数"', 'it takes "package.module:function"'),
    "config.no_plugins": (
        "只有 NoneBot（app 或 script）才有插件可以不加载",
        "only NoneBot (app or script) has plugins that can be left out",
    ),
    "config.no_prefix": (
        "在 liteyuki.toml 中不写 [tool.liteyuki] 前缀，直接写设置项",
        "in liteyuki.toml the settings stand without the prefix [tool.liteyuki]",
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
        "A main-process plugin has broken off the calls of hooks",
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
    # --- channels
    "frame.no_memory": (
        "内存放不下一条 {size} 字节的消息",
        "there is no memory for a message of {size} bytes",
    ),
    "frame.too_large": ("一帧有 {size} 字节，超过上限 {limit}", "a frame of {size} bytes is over the limit of {limit}"),
    "frame.kind": ("没有种类为 {kind} 的帧", "there is no frame of kind {kind}"),
    "frame.no_handles": (
        "一帧要带 {wanted} 个句柄，只来了 {came} 个",
        "a frame is to bring {wanted} handles, but {came} have come",
    ),
    "frame.handles_lost": (
        "随数据来的句柄没有收全；本进程的句柄可能用完了（ulimit -n）",
        "not all handles that came with the data could be taken; this process may have run out of them (ulimit -n)",
    ),
    "frame.handles_unclaimed": ("来了不属于任何一帧的句柄", "handles have come that belong to no frame"),
    "frame.pieces": ("分片不成一条消息", "the pieces do not make up a message"),
    "frame.wants": ("另一端要求的通知太多", "the other side wants to be told of too many things"),
    "frame.bound": (
        "另一端不顾上限（{limit} 字节）继续发送",
        "the other side goes on sending beyond the bound of {limit} bytes",
    ),
    "frame.interrupted": (
        "正在读取时被 {error} 打断，读到的内容可能已丢失",
        "{error} was raised in the middle of reading, and what had been read may be lost",
    ),
    "frame.no_page": ("第一帧没有带来计数页", "the first frame came without the page of counters"),
    "codec.depth": ("嵌套太深", "nested too deep"),
    "codec.not_rebuilt": (
        "收到的 {name} 在这里无法还原，已作为 UnknownMessage 交付",
        "what arrived as {name} could not be put together here, and is handed out as UnknownMessage",
    ),
    "codec.structure": ("内容的结构不对", "its structure is none of ours"),
    "codec.extension": ("没有扩展类型 {code}", "there is no extension type {code}"),
    "channel.reason_stopping": ("主进程正在停止本进程", "the main process is stopping this one"),
    "channel.reason_ended": ("另一端已结束，或关闭了它", "the other end has ended, or has closed it"),
    "channel.reason_replaced": (
        "同名的另一个通道取代了它",
        "another channel of that name has taken its place",
    ),
    "channel.reason_forked": (
        "它属于 fork 之前的进程；请在那里使用它，或在这里新建通道",
        "it belongs to the process that was forked; use it there, or make a new channel here",
    ),
    "channel.reason_closed_here": ("已在此处关闭", "it was closed here"),
    "channel.reason_broken": ("收到了无法读取的数据：{detail}", "what arrived cannot be read: {detail}"),
    "channel.reason_deadlock": (
        "没有任何进程连接，而此处又阻塞了事件循环，永远不会有消息；请改用 await channel.async_receive()",
        "no process is attached, and none can be while the event loop is held up here; "
        "use `await channel.async_receive()`",
    ),
    "channel.no_hello": (
        "另一端没有先发送问候帧，可能不是轻雪的通道",
        "the other end did not greet first, so it is no channel of ours",
    ),
    "channel.second_hello": ("另一端问候了两次", "the other end greeted twice"),
    "channel.version": (
        "另一端使用协议版本 {theirs}，这里是 {ours}；请让两端使用同一版本",
        "the other end speaks protocol version {theirs}, this one {ours}; install the same version on both sides",
    ),
    "channel.lost": (
        "通道 {channel} 的另一端突然结束，它刚发送、还没写出的消息丢失了",
        "the other end of channel {channel} ended so suddenly that messages which it had just sent, "
        "and not written yet, are lost",
    ),
    "channel.dropped": (
        "通道 {channel} 关闭时有 {count} 条消息没有送到，已丢弃",
        "channel {channel} was closed before {count} messages were delivered; they are dropped",
    ),
    "channel.hearer_failed": (
        "通道 {channel} 的内部处理函数出错",
        "an internal handler of channel {channel} failed",
    ),
    "channel.cut": (
        "通道 {channel}：另一端在发送途中结束，丢失了一条未发完的消息（{bytes} 字节）",
        "channel {channel}: the other end died while it was sending; one unfinished message ({bytes} bytes) is lost",
    ),
    "channel.bad_failure": ("错误回复的格式不对", "a failure of no known form"),
    "channel.too_many_requests": (
        "通道 {channel} 积压了太多未处理的请求，拒绝更多：收到请求的进程没有事件循环，或循环被阻塞",
        "channel {channel} refuses more requests, since too many wait: the process that is asked runs no event loop, "
        "or its loop is blocked",
    ),
    "channel.no_request_handler": (
        "没有处理 {value} 请求的 on_request",
        "no on_request handler takes a {value}",
    ),
    "channel.handler_failed": (
        "通道 {channel}：处理函数 {handler} 出错，消息：{value}",
        "channel {channel}: the handler {handler} raised at {value}",
    ),
    "channel.filter_failed": (
        "通道 {channel}：filter_func 出错，消息：{value}",
        "channel {channel}: a filter_func raised at {value}",
    ),
    "channel.notify_failed": (
        "通道 {channel}：通知未被处理：{error}",
        "channel {channel}: a notification failed: {error}",
    ),
    "channel.blocks_loop": (
        "通道 {channel}：{place} 处的 receive() 阻塞了事件循环，期间机器人无法做别的事；"
        "请改用 await channel.async_receive()",
        "channel {channel}: receive() at {place} holds up the event loop, so the bot can do nothing else meanwhile; "
        "use `await channel.async_receive()`",
    ),
    "typed.missing": ("缺失", "missing"),
    "typed.key_of": ("{type} 的键", "a key of {type}"),
    "typed.depth": ("至多嵌套 {levels} 层的值", "a value nested at most {levels} deep"),
    # --- shared memory
    "storage.stalled": (
        "通道 {channel}：另一端没有及时读取，发布给它的消息将被丢弃，直到它恢复",
        "channel {channel}: the other end does not read, so what is published to it is dropped until it does",
    ),
    "storage.dropped": (
        "通道 {channel}：丢弃了 {count} 条发布给它的消息",
        "channel {channel}: {count} publications to it were dropped",
    ),
    "storage.loop_stalled": (
        "本进程的事件循环没有及时处理订阅的消息，主题 {topic} 等的新消息将被丢弃，直到它恢复",
        "the event loop of this process does not take what it subscribes to, so publications (of {topic}, ...) are dropped until it does",
    ),
    "storage.loop_dropped": (
        "丢弃了 {count} 条本进程订阅的消息",
        "{count} publications that this process subscribes to were dropped",
    ),
    "storage.unreadable_publication": (
        "主题 {topic}：收到的消息无法还原：{error}",
        "topic {topic}: a publication cannot be rebuilt here: {error}",
    ),
    "storage.bad_name": (
        "键和主题必须是 str，而不是 {type}",
        "a key or a topic is a str, not {type}",
    ),
    "storage.bad_ttl": (
        "ttl 必须是大于 0 的秒数，或 None（永不过期），而不是 {ttl}",
        "ttl is a number of seconds above 0, or None for no end, not {ttl}",
    ),
    "storage.bad_increment": (
        "只能增加 int 或 float，而不是 {type}",
        "only an int or a float can be added, not {type}",
    ),
    "storage.watch_on_loop": (
        "在事件循环上请用 async for 遍历 watch，否则会阻塞整个循环",
        "on an event loop, iterate a watch with `async for`; this would hold the loop up",
    ),
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
    "error.channel_name": (
        "通道的名字应为非空的字符串，不是 {value}",
        "the name of a channel is a string that is not empty, not {value}",
    ),
    "error.channel_bound": (
        "通道的 {option} 应为正整数（字节数），不是 {value}",
        "{option} of a channel is a positive whole number of bytes, not {value}",
    ),
    "error.channel_ack": (
        '通道的 ack 应为 "taken" 或 "handled"，不是 {value}',
        'ack of a channel is "taken" or "handled", not {value}',
    ),
    "error.no_channel_given": (
        "set_channel 需要一个 Channel，不是 {value}",
        "set_channel takes a Channel, not {value}",
    ),
    "error.filter": (
        "on_receive 与 on_request 要带括号使用（@channel.on_receive()），括号里可写一个普通函数作为过滤器，不是 {value}",
        "on_receive and on_request take parentheses (@channel.on_receive()), and in them a plain function as the "
        "filter, not {value}",
    ),
    "error.channel_closed": ("通道 {channel} 已关闭：{reason}", "channel {channel} is closed: {reason}"),
    "error.channel_not_found": (
        "没有名为 {channel} 的通道，现有：{known}",
        "there is no channel {channel}; there are: {known}",
    ),
    "error.no_channels": (
        "没有通道 {channel}：本进程没有任何通道，它不是由轻雪启动的；请在项目目录中运行 liteyuki run",
        "there is no channel {channel}: this process has none, for Liteyuki did not start it; "
        "run `liteyuki run` in the project's folder",
    ),
    "error.channel_mode": (
        "通道 {channel} 已用 {mode} 接收，不能再用 {wanted}；请换一个通道，或只用一种方式",
        "channel {channel} is received from with {mode} already, so {wanted} cannot be used; "
        "take another channel, or one way only",
    ),
    "error.say_process": (
        "通道 {channel} 要连接哪个进程？请写明 to=…（{known}）",
        "which process is channel {channel} for? Say so with to=... ({known})",
    ),
    "error.channel_set": (
        "通道 {channel} 在本进程中已经在用；请用 get_channel 取得它，或先关闭它再设置新的",
        "channel {channel} is in use in this process already; take it with get_channel, or close it before you set another",
    ),
    "error.core_channel": (
        "通道 {channel} 是轻雪自己的，不能替换；请另起一个名字",
        "channel {channel} is Liteyuki's own, which cannot be replaced; choose another name",
    ),
    "error.channel_to_itself": (
        "通道 {channel} 的 to 是本进程 {process} 自己；请写另一个进程，或省略 to 以连接主进程",
        "channel {channel} leads from {process} to itself; name another process, or leave `to` out for the main process",
    ),
    "channel.name_taken": (
        "进程 {process} 设置了通道 {channel}，取代本进程里同名的通道",
        "process {process} has set a channel {channel}, which takes the place of one of that name in this process",
    ),
    "channel.not_connected": (
        "通道 {channel} 没能接到进程 {process}：{reason}",
        "channel {channel} could not be connected to process {process}: {reason}",
    ),
    "error.channel_full": (
        "通道 {channel} 已有 {limit} 字节待对方接收，这条消息没有发送；请用 asend 等待，或稍后再发",
        "channel {channel} holds {limit} bytes that the other side has not taken, so this message was not sent; "
        "wait with asend, or send it later",
    ),
    "error.channel_busy": (
        "析构函数或信号处理函数打断了通道 {channel} 的收发，在这里等待永远等不到；什么也没有发送，请换个地方做",
        "a finalizer or a signal's handler has interrupted the work of channel {channel}, and would wait for itself; "
        "nothing was sent: do it elsewhere",
    ),
    "error.channel_in_use": (
        "通道 {channel} 已经连接，或在一条消息里出现了两次，不能发送；请新建一个 Channel 再发送",
        "channel {channel} is connected already, or stands in one message twice, so it cannot be sent; "
        "make a new Channel and send that",
    ),
    "error.no_handles": (
        "通道 {channel} 需要新的句柄，但系统不再给出（{reason}）；请提高上限（ulimit -n），或关闭不用的通道",
        "channel {channel} needs a new handle and the system gives none ({reason}); "
        "raise the limit (ulimit -n), or close channels that are not used",
    ),
    "error.close_timeout": (
        "通道 {channel} 关闭时，{seconds} 秒内没能写出最后 {count} 条消息，已丢弃",
        "channel {channel} was closed, but its last {count} messages could not be written within {seconds} s "
        "and are dropped",
    ),
    "error.too_large": (
        "通道 {channel} 的一条消息有 {size} 字节，超过上限 {limit}；请分段发送",
        "a message of {size} bytes is over the limit of channel {channel}, {limit}; send it in parts",
    ),
    "error.wrong_type": (
        "通道 {channel} 传送 {carries}，但值{path} 是 {found}，而不是 {expected}",
        "channel {channel} carries {carries}, but the value{path} is {found}, not {expected}",
    ),
    "error.unchecked_type": (
        "通道无法检查 {annotation}；请在此处改用 Any 或一个类",
        "channels cannot check {annotation}; write Any there, or a class",
    ),
    "error.unresolved_type": (
        "通道无法检查 {annotation}，因为运行时不认识它（{error}）；请导入它（不能只在 TYPE_CHECKING 之下），或在此处改用 Any",
        "channels cannot check {annotation}, which is not known at run time ({error}); import it (not under TYPE_CHECKING only), or write Any there",
    ),
    "error.peer_gone": (
        "通道 {channel}：另一端的进程不在，或在回答之前结束了",
        "channel {channel}: the other process is not there, or ended before it answered",
    ),
    "error.remote": (
        "通道 {channel}：另一端出错：{type_name}: {message}",
        "channel {channel}: the other side raised {type_name}: {message}",
    ),
    "error.request_timeout": (
        "通道 {channel}：{seconds} 秒内没有收到回答",
        "channel {channel}: no answer within {seconds} s",
    ),
    "error.receive_timeout": (
        "通道 {channel}：{seconds} 秒内没有收到消息",
        "channel {channel}: nothing came within {seconds} s",
    ),
    "error.storage_full": (
        "“{key}”需要 {size} 字节，而共享存储只剩 {free} 字节（上限 {limit}）；请删除不用的键、设置 ttl，或把大的内容存成文件、只共享路径",
        "{key!r} takes {size} bytes, but the shared memory has only {free} of {limit} left; delete keys, give them a ttl, or keep what is large in a file and share its path",
    ),
    "error.not_a_number": (
        "“{key}”的值不是 int 或 float，不能增加；请先用 set 设为数字",
        "{key!r} holds neither an int nor a float, so it cannot be incremented; set it to a number first",
    ),
    "error.number_too_large": (
        "“{key}”：整数太大，不能与 float 相加；请改用 int",
        "{key!r}: the int is too large to be added to a float; increment an int by an int",
    ),
    "error.unreadable_value": (
        "“{key}”的值在本进程中无法还原：{detail}；请重新设置或删除它",
        "the value of {key!r} cannot be rebuilt in this process: {detail}; set it anew, or delete it",
    ),
    "error.unsendable": (
        "通道不能传送 {type}{place}；请改用基本类型，或用 @message 注册数据类、枚举或 pydantic 模型",
        "channels do not carry {type}{place}; use plain types, or register a dataclass, an enum or a pydantic model with @message",
    ),
    "error.unsendable_str": (
        '通道不能传送含有孤立代理字符的字符串；请先用 errors="replace" 编码',
        'channels do not carry a str with lone surrogates; encode it with errors="replace" first',
    ),
    "error.unsendable_depth": (
        "值嵌套得太深，或包含了自身，通道不能传送",
        "the value is nested too deep, or holds itself, so no channel carries it",
    ),
    "error.unsendable_zone": (
        "通道不能传送这种时区的 {type}{place}；请用 datetime.timezone 或 zoneinfo.ZoneInfo",
        "channels do not carry a {type} of this time zone{place}; use datetime.timezone or zoneinfo.ZoneInfo",
    ),
    "error.message_class": (
        "@message 只用于数据类、枚举和 pydantic 模型，{cls} 不是；请先加上 @dataclass",
        "@message is for dataclasses, enums and pydantic models, which {cls} is not; put @dataclass below it",
    ),
    "error.message_name": (
        "名字 {name} 已被 {cls} 注册；请用 @message(name=...) 另起一个",
        "the name {name} is registered for {cls} already; give another with @message(name=...)",
    ),
    "error.history": (
        "无法读取历史 {path}：{problem}",
        "The history {path} cannot be read: {problem}",
    ),
    "error.place": (
        "（位置：{path}）",
        " (at {path})",
    ),
}
