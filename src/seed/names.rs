//! Names as people give themselves on a short-video app: nicknames, given names with a trade, handles with a number.

use std::collections::HashSet;

use super::dice::Dice;

#[rustfmt::skip]
const ZH_MODIFIERS: &[&str] = &[
    "爱笑的", "不想上班的", "会飞的", "迷路的", "早起的", "失眠的", "软软的", "圆滚滚的", "慢半拍的", "认真的",
    "路过的", "热爱生活的", "追风的", "发呆的", "倔强的", "温柔的", "减肥中的", "戴眼镜的", "隔壁的", "安静的",
    "快乐的", "贪吃的", "晒太阳的", "穿拖鞋的", "没睡醒的", "住在海边的", "爱喝汤的", "养花的", "跑步的",
    "弹吉他的", "骑单车的", "听雨的",
];
#[rustfmt::skip]
const ZH_BEINGS: &[&str] = &[
    "小鹿", "橘猫", "柴犬", "企鹅", "土豆", "番茄", "芒果", "柠檬", "西瓜", "汤圆", "饺子", "年糕", "豆腐", "奶茶",
    "可乐", "薯条", "鲸鱼", "海豚", "树懒", "仓鼠", "刺猬", "松鼠", "熊猫", "水獭", "羊驼", "蜗牛", "云朵", "月亮",
    "星星", "石头", "蘑菇", "向日葵", "小透明", "打工人", "程序员", "班长", "阿姨", "大叔", "小朋友", "邻居",
    "船长", "侦探", "魔法师", "宇航员", "厨子", "裁缝",
];
#[rustfmt::skip]
const ZH_CALLS: &[&str] = &[
    "阿杰", "阿宁", "阿May", "小雨", "小北", "小满", "大壮", "大鹏", "老周", "老陈", "老李", "阿珍", "阿强", "佳佳",
    "圆圆", "甜甜", "乐乐", "豆豆", "朵朵", "糖糖", "大白", "二毛", "三哥", "四姐", "五叔", "小七", "阿九", "南南",
    "西西", "木木", "森森", "一一",
];
#[rustfmt::skip]
const ZH_TRADES: &[&str] = &[
    "爱做饭", "爱旅行", "的日常", "在路上", "说电影", "讲段子", "学画画", "练吉他", "打篮球", "写代码", "开卡车",
    "种菜", "养猫", "养狗", "钓鱼", "跑马拉松", "修手机", "拍风景", "吃遍全城", "做木工", "学英语", "玩摄影",
    "聊数码", "的厨房", "的小院", "的花店", "的录音棚", "逛菜市场", "去爬山", "看星星", "滑雪记", "不加班",
    "今天吃什么", "的慢生活",
];
#[rustfmt::skip]
const ZH_PHRASES: &[&str] = &[
    "小鹿乱撞", "人间烟火", "晚风告白", "半糖去冰", "今夜有雨", "南风知我意", "山野来信", "一只咸鱼", "月亮邮局",
    "橘子汽水", "春日序曲", "落日收藏家", "平平无奇", "快乐星球", "云边小卖部", "深海鱼", "旧巷口", "白日梦",
    "等风来", "听海", "不吃香菜", "碳水爱好者", "睡到自然醒", "周末去哪儿", "下一站是海", "在逃土豆", "银河便利店",
    "人类观察员", "城南旧事本", "星期八",
];
#[rustfmt::skip]
const ZH_SUFFIXES: &[&str] = &[
    "", "呀", "吖", "er", "本人", "同学", "日记", "Vlog", "_", "嘻嘻", "丫", "酱", "君", "吃不饱", "来了",
];
#[rustfmt::skip]
const EN_FIRST: &[&str] = &[
    "Mia", "Leo", "Nora", "Ethan", "Chloe", "Lucas", "Ivy", "Oscar", "Ruby", "Felix", "Luna", "Hugo", "Ella",
    "Jasper", "Zoe", "Milo", "Amber", "Owen", "Hazel", "Theo", "Iris", "Dylan", "Freya", "Simon", "Cindy", "Kevin",
    "Vivian", "Jason", "Coco", "Tony", "Lily", "Eric", "Yuki", "Sam", "Alice", "Ben", "Grace", "Max",
];
#[rustfmt::skip]
const EN_LAST: &[&str] = &[
    "Chen", "Lin", "Zhou", "Lane", "Vale", "Frost", "Quill", "Marlow", "Fenn", "Hale", "Tan", "Xu", "Moon",
    "Thorne", "Winters", "Bramble", "Novak", "Ashby", "Larkin", "Dune", "Holloway", "Pine", "Song", "Fairweather",
];
#[rustfmt::skip]
const EN_ADJECTIVES: &[&str] = &[
    "old", "lazy", "tiny", "sunny", "salty", "noisy", "happy", "sleepy", "mellow", "spicy", "fuzzy", "cosmic",
    "retro", "silent", "lucky", "urban", "wild", "paper", "neon", "rusty", "daily", "midnight", "electric",
    "hungry",
];
#[rustfmt::skip]
const EN_THINGS: &[&str] = &[
    "boy", "girl", "panda", "noodle", "fox", "otter", "biker", "chef", "coder", "dumpling", "hiker", "drummer",
    "sailor", "mango", "pixel", "tofu", "skater", "baker", "owl", "comet", "kettle", "cactus", "gamer", "wanderer",
    "taxi", "waves", "guitar", "lens",
];
#[rustfmt::skip]
const EN_SHOWS: &[&str] = &[
    "eats", "travels", "codes", "runs", "cooks", "draws", "outdoors", "vlogs", "plays", "lifts", "bakes", "films",
    "sings", "hoops",
];

/// `count` names of 1 to 32 characters, no two alike in any spelling of case.
pub fn names(dice: &mut Dice, count: usize) -> Vec<String> {
    let mut taken = HashSet::with_capacity(count);
    (0..count).map(|index| unique_name(dice, index, &mut taken)).collect()
}

fn unique_name(dice: &mut Dice, index: usize, taken: &mut HashSet<String>) -> String {
    let wish = wished_name(dice);
    // Whoever finds his name taken adds a number, a longer one each time.
    let numbered = [0, 100, 1_000, 10_000, 1_000_000].into_iter().map(|bound| match bound {
        0 => wish.clone(),
        _ => format!("{wish}{}", dice.between(bound / 10, bound - 1)),
    });
    for name in numbered {
        // The word lists hold letters, digits and Han only: lower case folds them as fully as Unicode's folding does.
        if taken.insert(name.to_lowercase()) {
            return name;
        }
    }
    // What the apps themselves call someone who chooses no name; no list above makes such a one.
    format!("用户{:07}", 1_000_000 + index)
}

fn wished_name(dice: &mut Dice) -> String {
    match dice.below(100) {
        0..18 => format!("{}{}", dice.pick(ZH_MODIFIERS), dice.pick(ZH_BEINGS)),
        18..36 => format!("{}{}", dice.pick(ZH_CALLS), dice.pick(ZH_TRADES)),
        36..50 => format!("{}{}", dice.pick(ZH_PHRASES), dice.pick(ZH_SUFFIXES)),
        50..57 => format!("{}{}", dice.pick(ZH_BEINGS), dice.pick(ZH_SUFFIXES)),
        57..72 => format!("{} {}", dice.pick(EN_FIRST), dice.pick(EN_LAST)),
        72..84 => {
            let separator = dice.pick(&["_", "", "."]);
            format!("{}{separator}{}_{}", dice.pick(EN_ADJECTIVES), dice.pick(EN_THINGS), dice.between(1, 99))
        }
        84..92 => {
            format!("{}{}{}", dice.pick(EN_FIRST).to_lowercase(), dice.pick(&["_", ".", ""]), dice.pick(EN_SHOWS))
        }
        _ => format!("{}{}", dice.pick(EN_FIRST), dice.pick(ZH_TRADES)),
    }
}
