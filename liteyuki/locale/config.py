"""What is said of settings and the project: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
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
}
