//! The vocabulary of the titles, topic by topic.

use super::looks::Topic;

/// What people write under clips of one topic. `{place}`, `{day}` and `{n}` are filled in.
pub struct Words {
    pub zh: &'static [&'static str],
    pub en: &'static [&'static str],
    pub zh_tags: &'static [&'static str],
    pub en_tags: &'static [&'static str],
    /// Only such as need no joiner and no variation selector.
    pub emoji: &'static [&'static str],
}

#[rustfmt::skip]
pub fn words(topic: Topic) -> Words {
    match topic {
        Topic::Art => Words {
            zh: &[
                "万花筒里的下午", "对称强迫症福利", "今天画了{n}层，手要断了", "把{place}的颜色装进一张图",
                "灵感来自外婆的花被子", "{day}的配色练习",
            ],
            en: &[
                "Symmetry to calm your brain", "Pattern study no. {n}", "Colours I brought home from {place}",
                "{day} sketchbook, but it moves", "One shape, {n} folds",
            ],
            zh_tags: &["艺术", "配色灵感", "强迫症治愈", "设计"],
            en_tags: &["art", "pattern", "satisfying", "design"],
            emoji: &["🎨", "🌸", "✨", "🌀"],
        },
        Topic::Basketball => Words {
            zh: &[
                "{day}野球场，差一点绝杀", "连续运球{n}天的变化", "教练说我手型终于对了", "{place}的球场真的香",
                "下班不回家，先投{n}个", "室友非说这球走步",
            ],
            en: &[
                "{day} hoops in the old gym", "{n} makes before breakfast", "Handles check, be honest",
                "Dribbling every day for {n} days", "Pick-up game in {place}",
            ],
            zh_tags: &["篮球", "运动打卡", "野球", "自律"],
            en_tags: &["hoops", "basketball", "training", "ballislife"],
            emoji: &["🏀", "🔥", "💪", "😤"],
        },
        Topic::Cats => Words {
            zh: &[
                "主子盯了我{n}分钟", "猫：你怎么才回来", "它一眨眼我就心软了", "{day}被猫叫醒",
                "养猫第{n}天，家里没有一个完整的杯子", "原来猫也会点头", "流浪小猫在{place}找到家了",
            ],
            en: &[
                "He judges me every {day}", "{n} minutes of this stare", "The blink means I love you",
                "Adopted in {place}, boss by {day}", "POV: you opened the fridge",
            ],
            zh_tags: &["萌宠", "猫咪日常", "吸猫", "铲屎官"],
            en_tags: &["catsoftheday", "pets", "catlife", "meow"],
            emoji: &["🐱", "🐾", "😹", "😻"],
        },
        Topic::Coding => Words {
            zh: &[
                "{day}改一行，崩三处", "写了{n}行，删了一半", "程序员的白噪音", "终于不报错了，不敢动",
                "代码能跑就别碰", "在{place}远程办公的第{n}天",
            ],
            en: &[
                "It works and I don't know why", "Refactoring {n} files, send snacks",
                "Code with me, {n} minutes, no talking", "Remote from {place} this week",
                "Deleted {n} lines, feels great",
            ],
            zh_tags: &["程序员", "敲代码", "打工人", "学习陪伴"],
            en_tags: &["coding", "devlife", "rustlang", "codewithme"],
            emoji: &["💻", "🚀", "😂", "🐛"],
        },
        Topic::Food => Words {
            zh: &[
                "刚出锅的甜甜圈", "{n}块钱做一盘，全家抢光", "糖霜控进来", "{day}烘焙，翻车{n}次才成功",
                "{place}排队{n}分钟才吃到", "减肥？明天再说", "零失败的下午茶",
            ],
            en: &[
                "Fresh donuts, {n} sprinkles each", "Baking through the {day}",
                "The {place} bakery everyone queues for", "Diet starts next {day}", "Glaze test no. {n}",
            ],
            zh_tags: &["美食", "烘焙", "甜品", "吃货日常"],
            en_tags: &["foodie", "baking", "dessert", "homemade"],
            emoji: &["🍩", "😋", "🍰", "🍫"],
        },
        Topic::Hiking => Words {
            zh: &[
                "爬了{n}公里，值了", "{place}的山一层叠一层", "云开那一刻全队都不说话了", "{day}逃离城市计划",
                "膝盖：你清高", "山里的早晨没有闹钟",
            ],
            en: &[
                "{n} km for this view", "Layers on layers near {place}", "Left at four in the morning, no regrets",
                "My knees have opinions", "Quietest ridge I know",
            ],
            zh_tags: &["徒步", "旅行", "户外", "山野"],
            en_tags: &["hiking", "travel", "outdoors", "mountains"],
            emoji: &["⛺", "🌄", "🥾", "🌿"],
        },
        Topic::Music => Words {
            zh: &[
                "戴上耳机再看", "{day}电台第{n}期", "卧室编曲，随手一段", "低音一出来人就没了",
                "{place}的夜适合这首", "给失眠的你弹{n}秒",
            ],
            en: &[
                "Headphones on, please", "Bedroom beat no. {n}", "{day} mood in five notes a second",
                "Wrote this on the train to {place}", "Loop it {n} times",
            ],
            zh_tags: &["音乐", "原创", "编曲", "耳机党"],
            en_tags: &["music", "beats", "producer", "newmusic"],
            emoji: &["🎧", "🎵", "🎹", "🔊"],
        },
        Topic::Night => Words {
            zh: &[
                "零下三十度等到的极光", "它来的时候没有声音", "{day}，全车人都被叫醒了", "手冻僵了，值",
                "人生清单划掉一条", "把天空的绿送给你",
            ],
            en: &[
                "Minus twenty and worth it", "The sky went green over {place}", "Woke everyone up for this",
                "Aurora, three o'clock, everybody up", "It makes no sound at all",
            ],
            zh_tags: &["极光", "星空", "旅行", "人生清单"],
            en_tags: &["aurora", "nightsky", "travel", "northernlights"],
            emoji: &["🌌", "✨", "🥶", "💚"],
        },
        Topic::Retro => Words {
            zh: &[
                "一路开进八十年代", "复古合成器，永远的神", "{day}夜里的无限公路", "第{n}关，没有尽头",
                "小时候的游戏机开机画面", "去{place}的路上脑子里是这样的",
            ],
            en: &[
                "Night drive to nowhere", "Level {n}, endless mode", "1986 called, it wants its sun back",
                "{place} but make it synthwave", "My brain after dark",
            ],
            zh_tags: &["复古", "蒸汽波", "合成器", "夜路"],
            en_tags: &["synthwave", "retro", "80s", "outrun"],
            emoji: &["🌆", "🚗", "👾", "💜"],
        },
        Topic::Science => Words {
            zh: &[
                "四条规则，一个宇宙", "生命游戏第{n}代", "盯着看{n}秒会上瘾", "没有人控制它们",
                "{day}小课堂：简单规则复杂世界", "给孩子讲什么是细胞自动机",
            ],
            en: &[
                "Four rules, endless life", "Generation {n} and still going", "Nobody steers these cells",
                "Tiny science, {day} edition", "Emergence in {n} seconds",
            ],
            zh_tags: &["科普", "生命游戏", "数学之美", "涨知识"],
            en_tags: &["gameoflife", "science", "math", "emergence"],
            emoji: &["🔬", "🧬", "🤯", "🧠"],
        },
        Topic::Sea => Words {
            zh: &[
                "潜下去遇见一家子", "鱼：你看什么看", "这里的海水像果冻", "{day}就泡在水里",
                "第一次浮潜，忘了害怕", "气泡的声音太解压",
            ],
            en: &[
                "Ten metres down, total calm", "The striped one followed me", "Snorkelling at last, day {n}",
                "Breathe in, bubbles out", "Kelp forest {day}",
            ],
            zh_tags: &["潜水", "大海", "海洋", "解压"],
            en_tags: &["ocean", "diving", "fish", "underwater"],
            emoji: &["🐠", "🌊", "🐟", "🐬"],
        },
        Topic::Snow => Words {
            zh: &[
                "听说{place}下雪了？", "今年第{n}场雪", "雪落下来的声音是真的", "南方人第一次看见雪，失态了",
                "{day}推开窗", "零下十度的森林",
            ],
            en: &[
                "First snow of the {day}", "{n} cm overnight", "Silent forest, loud boots", "Snow day in {place}",
                "Just snow, nothing else",
            ],
            zh_tags: &["下雪了", "冬天", "雪景", "治愈系"],
            en_tags: &["snow", "winter", "forest", "cozy"],
            emoji: &["⛄", "🌲", "🧣", "🤍"],
        },
        Topic::Space => Words {
            zh: &[
                "曲速{n}，出发", "飞向银河中心", "{day}睡不着，去太空走走", "在{place}看到的星空做成了动画",
                "宇宙这么大，我的烦恼好小", "星星也会堵车",
            ],
            en: &[
                "Warp {n}, engage", "Falling into the galaxy", "{day} trip to the centre of it all",
                "Stars over {place}, remixed", "You are here, roughly",
            ],
            zh_tags: &["宇宙", "银河", "科幻", "星空"],
            en_tags: &["space", "galaxy", "scifi", "stars"],
            emoji: &["🚀", "🌠", "🪐", "👽"],
        },
        Topic::Streets => Words {
            zh: &[
                "{place}的夜，每扇窗都是一个故事", "加班到凌晨，抬头看见月亮", "城市睡得比我还晚", "{day}的末班车",
                "从{n}楼看出去", "有人亮着灯等你吗",
            ],
            en: &[
                "{place} after midnight", "Every window is a story", "View from floor {n}", "Last train, {day}",
                "City lights and no plans",
            ],
            zh_tags: &["城市夜景", "街拍", "打工人", "夜归人"],
            en_tags: &["citylights", "streets", "nightwalk", "skyline"],
            emoji: &["🌃", "🌙", "🚕", "🌉"],
        },
        Topic::Sunset => Words {
            zh: &[
                "{place}的日落，只有{n}秒", "今天的晚霞不用滤镜", "把夕阳分你一半", "{day}赶海，顺便看落日",
                "太阳下班了，我还没有", "海风吹走了一整天的累",
            ],
            en: &[
                "Golden hour in {place}", "{n} seconds of sunset", "The sun clocked off, I didn't",
                "{day} at the sea", "Half of this sky is for you",
            ],
            zh_tags: &["日落", "旅行", "海边", "晚霞"],
            en_tags: &["sunset", "goldenhour", "sea", "travel"],
            emoji: &["🌅", "🌊", "🧡", "🌇"],
        },
        Topic::Unwinding => Words {
            zh: &[
                "盯着它，{n}秒后你会平静", "解压神器，无限循环", "{day}脑子放空专用", "熔岩灯真的有用",
                "深呼吸，跟着它走", "睡前看一眼",
            ],
            en: &[
                "Breathe with the blob", "{n} seconds of nothing", "Lava lamp {day}", "For the overthinkers",
                "Watch this before you sleep",
            ],
            zh_tags: &["解压", "治愈", "助眠", "放空"],
            en_tags: &["relax", "lavalamp", "asmr", "calm"],
            emoji: &["😌", "🫠", "💤", "🔮"],
        },
    }
}
