//! What people write under videos and to their friends.

use super::dice::Dice;
use super::looks::Topic;
use super::words::words;

#[rustfmt::skip]
const ZH_COMMENTS: &[&str] = &[
    "太好看了吧", "第{n}遍了，还在看", "前排打卡", "收藏了", "这也太治愈了", "谁懂啊，看哭了", "求背景音乐",
    "已经发给朋友了", "求教程！", "这是什么神仙画面", "给我也整一个", "拍得真好", "笑死，是我本人", "每天来看一遍",
    "不愧是你", "催更催更", "我妈看了都说好", "手机差点笑掉", "有被惊艳到", "学到了学到了", "评论区都是人才", "蹲一个后续",
];
#[rustfmt::skip]
const EN_COMMENTS: &[&str] = &[
    "Watched this {n} times already", "How is this real", "Sent this to everyone I know", "Need a tutorial!",
    "This made my day", "Underrated", "Take my like", "The ending though", "What is the song?", "More of this please",
    "I felt that", "Okay, now I want to try", "Came for the sound, stayed for the picture", "Part two when?",
    "Saving this one", "Who else is here at three in the morning?", "Pure talent",
];

/// What is only said under clips of one topic, in Chinese and in English.
#[rustfmt::skip]
fn fitting(topic: Topic) -> (&'static [&'static str], &'static [&'static str]) {
    match topic {
        Topic::Art => (
            &["配色绝了", "强迫症表示很舒适", "能当壁纸吗？", "画了多久呀"],
            &["The colours!", "My brain says thank you", "Can I use this as a wallpaper?"],
        ),
        Topic::Basketball => (
            &["手感火热啊", "这球走步了吧", "周末约球吗？", "运球稳得一批"],
            &["That is a travel and you know it", "Clean handles", "Net on Saturday?"],
        ),
        Topic::Cats => (
            &["吸一口", "猫主子今天营业了", "它好像在骂你", "可以偷走吗？", "我家的也这样盯我"],
            &["He owns you", "Give that cat a raise", "The blink got me", "Mine does exactly this"],
        ),
        Topic::Coding => (
            &["能跑就别动", "这一行我看了半小时", "注释呢？", "今天也在改同一个 bug"],
            &["Works on my machine", "Ship it", "Where are the tests?", "Tabs or spaces?"],
        ),
        Topic::Food => (
            &["饿了", "深夜放毒", "求配方！", "减肥失败第{n}天"],
            &["Now I am hungry", "Recipe please", "I can smell it from here", "Diet cancelled"],
        ),
        Topic::Hiking => (
            &["这是哪座山？", "膝盖已经疼了", "下次带上我", "空气看起来好甜"],
            &["Which trail is this?", "My knees hurt just watching", "Worth every step"],
        ),
        Topic::Music => (
            &["循环{n}遍了", "低音太上头", "求完整版", "戴耳机听鸡皮疙瘩起来了"],
            &["On repeat", "Full version please", "That bass", "Goosebumps"],
        ),
        Topic::Night => (
            &["这辈子一定要去看一次", "隔着屏幕都冷", "绿得像做梦"],
            &["Bucket list", "I can feel the cold", "No filter? Really?"],
        ),
        Topic::Retro => (
            &["爷青回", "八十年代的味道", "这首歌能开一整夜"],
            &["I want to live in this", "Instant nostalgia", "Just one more level"],
        ),
        Topic::Science => (
            &["涨知识了", "盯着看了{n}分钟", "规则这么简单？", "物理老师推荐来的"],
            &["I could watch this for hours", "So simple, so much", "Showing this to my class"],
        ),
        Topic::Sea => (
            &["想去潜水了", "这鱼好淡定", "看完想住在海里"],
            &["I want gills", "That fish has no worries", "So calm"],
        ),
        Topic::Snow => (
            &["南方人羡慕了", "今年还没见过雪", "安静得能听见雪"],
            &["Hot chocolate time", "So quiet", "We only get rain here"],
        ),
        Topic::Space => (
            &["宇宙真大，作业真多", "带我走吧", "突然觉得烦恼好小"],
            &["I feel tiny", "Engage!", "Take me with you"],
        ),
        Topic::Streets => (
            &["加班的灯也在里面", "想家了", "这座城市真好看", "这是哪里？"],
            &["Which city is this?", "One of those windows is mine", "Makes me miss home"],
        ),
        Topic::Sunset => (
            &["今天的晚霞也这么美", "想和喜欢的人一起看", "夕阳不用滤镜"],
            &["Golden hour never misses", "I can hear the waves", "Missed it today, thank you"],
        ),
        Topic::Unwinding => (
            &["看困了", "心跳都慢了", "睡前必看"],
            &["Fell asleep, five stars", "My shoulders just dropped", "Breathing with it"],
        ),
    }
}

/// Chats, the two friends in turn.
#[rustfmt::skip]
pub const DIALOGUES: &[&[&str]] = &[
    &["在吗？", "在呀，怎么了", "你那个视频太好笑了", "哈哈哈哈我拍了十遍", "下次叫上我", "必须的"],
    &["周末有空吗？", "周六可以", "去爬山？", "膝盖不同意", "那吃火锅", "膝盖同意了"],
    &["Did you see the sunset video?", "Three times already", "We should go there", "I'm in. Saturday?", "Deal"],
    &["你好", "你好呀，终于互关了"],
    &["Happy birthday! 🎂", "Thank you!! 😊", "Cake later?", "Always"],
    &["视频里那首歌叫什么？", "我自己编的", "！！！太强了吧", "发你完整版", "单曲循环一下午了", "🎧🎧🎧"],
    &["How did you film that?", "Old phone, two books and some tape", "You are kidding", "I never joke about tape"],
    &["今天下雪了吗？", "下了！地上全白了", "拍给我看", "已经发了，快去点赞", "点了点了", "明天堆雪人", "零下十度，你自己去吧"],
    &["猫今天吃了吗？", "吃了两顿还说没吃", "像我"],
    &["Coffee?", "In ten minutes", "The usual place", "Running late, sorry", "I ordered for you", "You are the best"],
    &["作业写完了吗？", "你猜", "借我看看", "我也没写"],
    &["Your cat looks angry", "That is his happy face", "😹", "He sends his regards"],
    &["看你赞了我，谢啦", "拍得真好，学摄影的吗？", "自学的，还在练", "已经很厉害了", "有空一起拍呀", "好呀好呀"],
];

pub fn is_han(char: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&char)
}

/// 1 to 512 characters that suit a video; mostly in the language of its title.
pub fn comment(dice: &mut Dice, topic: Topic, title: &str) -> String {
    let chinese = title.contains(is_han) == dice.chance(85);
    let (zh, en) = fitting(topic);
    let (general, fitting) = if chinese { (ZH_COMMENTS, zh) } else { (EN_COMMENTS, en) };
    let mut text = match dice.chance(55) {
        true => dice.pick(fitting).to_owned(),
        false => dice.pick(general).to_owned(),
    };
    if dice.chance(45) {
        let emoji = dice.pick(words(topic).emoji);
        text += " ";
        text += &emoji.repeat(dice.between(1, 3));
    }
    text.replace("{n}", &dice.between(2, 99).to_string())
}
