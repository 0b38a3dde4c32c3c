//! Titles that fit what a clip shows, in Chinese and English, some with tags and emoji.

use super::dice::Dice;
use super::looks::Topic;
use super::words::words;

#[rustfmt::skip]
const ZH_ENDINGS: &[&str] = &[
    "你们觉得呢？", "看到最后有惊喜", "谁懂啊", "太治愈了", "先收藏再说", "第{n}天打卡", "有同款的举手",
    "我先哭为敬", "求推荐同类", "这也太好看了吧", "下次还来", "一镜到底", "记得开声音", "朋友说像假的",
    "忍不住看了三遍", "今日份快乐", "原相机直出", "评论区交作业",
];
#[rustfmt::skip]
const EN_ENDINGS: &[&str] = &[
    "wait for it", "sound on", "day {n}", "no filter needed", "who else?", "part {n}", "save this for later",
    "I can't stop watching", "tell me I'm not the only one", "worth every minute", "best {day} so far",
    "first try, honestly", "thoughts?", "full video soon",
];
#[rustfmt::skip]
const ZH_PLACES: &[&str] = &[
    "大理", "厦门", "青岛", "成都", "重庆", "敦煌", "阿勒泰", "丽江", "三亚", "哈尔滨", "西安", "苏州", "泉州",
    "北海", "腾冲", "舟山",
];
#[rustfmt::skip]
const EN_PLACES: &[&str] = &[
    "Lisbon", "Kyoto", "Chengdu", "Tromsø", "Oaxaca", "Hanoi", "Cape Town", "Reykjavík", "Porto", "Taipei", "Banff",
    "Da Nang",
];
#[rustfmt::skip]
const ZH_DAYS: &[&str] = &["周一", "周三", "周五", "周末", "下班后", "清晨", "凌晨", "假期"];
#[rustfmt::skip]
const EN_DAYS: &[&str] = &["Monday", "Wednesday", "Friday", "weekend", "morning", "evening", "holiday"];

/// A title of 1 to 128 characters.
pub fn title(dice: &mut Dice, topic: Topic) -> String {
    let words = words(topic);
    let chinese = dice.chance(62);
    let (openings, endings, tags) = match chinese {
        true => (words.zh, ZH_ENDINGS, words.zh_tags),
        false => (words.en, EN_ENDINGS, words.en_tags),
    };
    let mut title = dice.pick(openings).to_owned();
    if dice.chance(55) {
        title += match chinese {
            true => dice.pick(&["，", "｜", " "]),
            false => dice.pick(&[", ", " | ", " … "]),
        };
        title += dice.pick(endings);
    }
    if dice.chance(40) {
        title += " ";
        title += dice.pick(words.emoji);
    }
    let first_tag = dice.below(tags.len());
    for tag in 0..dice.below(3) {
        title += " #";
        title += tags[(first_tag + tag) % tags.len()];
    }
    filled(dice, &title, chinese)
}

fn filled(dice: &mut Dice, title: &str, chinese: bool) -> String {
    let (places, days) = if chinese { (ZH_PLACES, ZH_DAYS) } else { (EN_PLACES, EN_DAYS) };
    title
        .replace("{place}", dice.pick(places))
        .replace("{day}", dice.pick(days))
        .replace("{n}", &dice.between(2, 99).to_string())
}
