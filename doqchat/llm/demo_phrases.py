"""The sentences of the demo model, in four languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """Sentences of one language, with placeholders in braces."""

    notice: str
    nothing: str
    one_message: str
    messages: str
    counted: str
    share: str
    spoke: str
    spoke_once: str
    last: str
    who: str
    time: str
    heard: str
    offer: str


PHRASES = {
    "ko": Phrases(
        notice="저는 데모 모델이에요. GEMINI_API_KEY를 설정하고 다시 시작하면 실제 모델이 답해요.",
        nothing="아직 메시지가 없어요.",
        one_message="메시지 1개",
        messages="메시지 {count}개",
        counted="지금까지 {total}가 오갔어요 ({shares}).",
        share="{role} {count}개",
        spoke="- {role}: “{first}”로 시작해서 최근에는 “{last}”라고 했어요.",
        spoke_once="- {role}: “{last}”라고 했어요.",
        last="마지막 메시지는 {role}의 “{text}”예요.",
        who="최근 대화는 다음과 같아요.",
        time="지금 시각은 {now}이에요.",
        heard="{role}의 메시지를 읽었어요: “{text}”",
        offer="요약, 마지막 메시지, 누가 무슨 말을 했는지, 메시지 수, 현재 시각을 물어보면 답해 드릴게요.",
    ),
    "en": Phrases(
        notice="I am the demo model. Set GEMINI_API_KEY and restart to get answers from a real model.",
        nothing="There are no messages yet.",
        one_message="1 message",
        messages="{count} messages",
        counted="So far: {total} ({shares}).",
        share="{role} {count}",
        spoke="- {role} began with “{first}” and last said “{last}”.",
        spoke_once="- {role} said “{last}”.",
        last="The last message is from {role}: “{text}”.",
        who="The most recent messages:",
        time="It is {now}.",
        heard="I have read {role}'s message: “{text}”",
        offer="Ask me for a summary, the last message, who said what, how many messages there are, or the time.",
    ),
    "ja": Phrases(
        notice="私はデモ用のモデルです。GEMINI_API_KEY を設定して再起動すると、本物のモデルが答えます。",
        nothing="まだメッセージはありません。",
        one_message="メッセージ1件",
        messages="メッセージ{count}件",
        counted="これまでに{total}です({shares})。",
        share="{role} {count}件",
        spoke="- {role}は「{first}」から始めて、最近は「{last}」と言いました。",
        spoke_once="- {role}は「{last}」と言いました。",
        last="最後のメッセージは{role}の「{text}」です。",
        who="最近の会話は次のとおりです。",
        time="現在は{now}です。",
        heard="{role}のメッセージを読みました:「{text}」",
        offer="要約、最後のメッセージ、誰が何を言ったか、何件あるか、今何時かをお答えできます。",
    ),
    "zh": Phrases(
        notice="我是演示模型。设置 GEMINI_API_KEY 并重新启动后，就会由真正的模型来回答。",
        nothing="还没有任何消息。",
        one_message="1 条消息",
        messages="{count} 条消息",
        counted="到目前为止共有 {total}（{shares}）。",
        share="{role} {count} 条",
        spoke="- {role} 一开始说“{first}”，最近说“{last}”。",
        spoke_once="- {role} 说“{last}”。",
        last="最后一条消息来自 {role}：“{text}”。",
        who="最近的对话如下：",
        time="现在是 {now}。",
        heard="我看到了 {role} 的消息：“{text}”",
        offer="您可以问我总结、最后一条消息、谁说了什么、有多少条消息，或者现在几点。",
    ),
}
