"""What is said of the lives of processes, causes of a restart, safe mode and output: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # --- the main process
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
        "The log file {path} cannot be written: {error}. Until then output goes to the console only; the file will say how many lines are lost",
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
        "{name}: died {deaths} times in a short while and will not be started again; once it is fixed, say /restart {name} in the chat, or run the main process again",
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
        "{name}: did not start, for the reason in its output above; next try in {seconds:.0f} s. Once it is fixed, press Ctrl+C and run again to try at once",
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
    # --- safe mode
    "safe_mode.left_out": (
        "{name}：插件 {plugin} 使它无法启动（{why}），接下来不加载这个插件（safe_mode）；修好后发送 /restart {name} 即可恢复",
        "{name}: the plugin {plugin} keeps it from starting ({why}) and is left out from now on (safe_mode); once it is fixed, say /restart {name} to have it back",
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
        "Once it is fixed, say /restart {name} to have it back; see /logs 200 for details",
    ),
    "safe_mode.all_back": (
        "{name} 已恢复正常，重新加载了插件 {plugins}",
        "{name} is back to normal, with the plugins that were left out: {plugins}",
    ),
    # --- the history
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
    # --- the child
    "child.cannot_apply": (
        "系统不允许 user、nice、umask 或 rlimits 的设置：{error}",
        "the system refuses what user, nice, umask or rlimits say: {error}",
    ),
    "child.cannot_exec": ("无法运行 {program}：{error}", "Cannot run {program}: {error}"),
    "child.plugin_failed": (
        "插件 {name} 未能加载，位于 {place}：{error}；其余插件照常运行，修好后请在聊天中发送 /重启",
        "The plugin {name} did not load, at {place}: {error}. The others run; fix it, then say /restart in the chat",
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
}
