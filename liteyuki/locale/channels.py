"""What is said of channels and shared memory: key -> (Chinese, English)."""

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, str]]] = {
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
    "codec.structure": ("内容的结构不对", "its structure is wrong"),
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
    "channel.control_failed": (
        "通道 {channel}：处理内部消息 {value} 时出错",
        "channel {channel}: handling an internal {value} failed",
    ),
    "channel.control_unknown": (
        "通道 {channel}：没有人处理内部消息 {value}，已忽略",
        "channel {channel}: nobody here handles an internal {value}; it is ignored",
    ),
    "channel.cut": (
        "通道 {channel}：另一端在发送途中结束，丢失了一条未发完的消息（{bytes} 字节）",
        "channel {channel}: the other end died while it was sending; one unfinished message ({bytes} bytes) is lost",
    ),
    "channel.bad_failure": ("错误回复的格式不对", "the failure has an unknown form"),
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
        "there is no channel {channel}: this process has none, because Liteyuki did not start it; "
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
        "a finalizer or a signal handler has interrupted the work of channel {channel}, and would wait for itself; "
        "nothing was sent; send from elsewhere",
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
}
