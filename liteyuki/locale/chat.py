"""What is said of the chat, its commands, states and notices: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # --- processes
    "state.queued": ("等待其他进程", "waiting for others"),
    # --- safe mode
    "state.starting": ("启动中", "starting"),
    "state.loaded": ("已加载", "loaded"),
    "state.ready": ("运行中", "running"),
    "state.stopping": ("停止中", "stopping"),
    "state.waiting": ("等待重试", "waiting to retry"),
    "state.stopped": ("已停止", "stopped"),
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
        "账号 {account} 在 {seconds:.0f} 秒内没有重新连接",
        "account {account} did not come back within {seconds:.0f} s",
    ),
    "notice.no_way": (
        "适配器 {adapter} 需要安装 nonebot-plugin-alconna 才能主动发送消息",
        "adapter {adapter} needs nonebot-plugin-alconna to send a message of its own",
    ),
    "notice.no_target": (
        "适配器 {adapter} 的会话无法记录，重启完成后将不会在聊天中通知",
        "the chat of adapter {adapter} cannot be kept, so there will be no notice there",
    ),
    "notice.failed": (
        "发送失败：{error}",
        "sending failed: {error}",
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
        "The bot has restarted since that message was sent, so it does not restart again",
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
    "chat.no_bot": (
        "已有 {minutes:g} 分钟没有任何机器人账号连接；NoneBot 本身运行正常，请检查 OneBot 客户端（NapCat 等）或网络",
        "No bot account has been connected for {minutes:g} min. NoneBot itself runs; look at the OneBot client (NapCat, ...) or the network",
    ),
    "chat.bot_back": (
        "账号 {account} 已连接，此前 {minutes:.0f} 分钟没有任何账号连接",
        "Account {account} is connected; before that there was none for {minutes:.0f} min",
    ),
}
