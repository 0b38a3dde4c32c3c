//! Plans who likes, follows, comments and chats in a demo world: a few stars, many small accounts, circles of friends.

use std::collections::HashSet;

use super::Sizes;
use super::dice::Dice;
use super::looks::LOOKS;
use super::ranking::Ranking;
use super::talk::{self, DIALOGUES};
use super::world::{self, World};

/// All numbers are indices into [`World::users`] and [`World::videos`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Social {
    /// Who follows whom.
    pub follows: Vec<(usize, usize)>,
    /// Who likes which video.
    pub likes: Vec<(usize, usize)>,
    /// For each video, the oldest comment first.
    pub comments: Vec<Vec<PlannedComment>>,
    pub chats: Vec<PlannedChat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedComment {
    pub user: usize,
    /// 1 to 512 characters.
    pub text: String,
}

/// What two friends write to each other, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChat {
    pub users: (usize, usize),
    pub messages: Vec<PlannedMessage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedMessage {
    pub from: usize,
    pub to: usize,
    pub text: &'static str,
}

const LIKES_PER_VIDEO: usize = 20;
const COMMENTS_PER_VIDEO: usize = 4;
const FOLLOWS_PER_USER: usize = 8;
const MESSAGES_PER_USER: usize = 10;

/// People of one circle follow each other, more or less.
const CIRCLE_USERS_MIN: usize = 3;
const CIRCLE_USERS_MAX: usize = 7;

/// The same arguments give the same plan, in every release. Totals are what `sizes` asks for, as far as there are pairs
/// for them.
pub fn plan(sizes: &Sizes, world: &World) -> Social {
    let (seed, users, videos) = (sizes.seed, world.users.len(), world.videos.len());
    let others = users.saturating_sub(1);
    let follows = pairs(sizes.follows, users * FOLLOWS_PER_USER, users * others);
    let likes = pairs(sizes.likes, videos * LIKES_PER_VIDEO, videos * others);
    let comments = sizes.comments.unwrap_or(videos * COMMENTS_PER_VIDEO);
    let messages = sizes.messages.unwrap_or(users * MESSAGES_PER_USER);

    let follows = follow_plan(&mut Dice::new(seed, "follows"), &world::stars(seed, users), users, follows);
    Social {
        likes: like_plan(&mut Dice::new(seed, "likes"), &hits(seed, videos), world, likes),
        comments: comment_plan(&mut Dice::new(seed, "comments"), &hits(seed, videos), world, comments),
        chats: chat_plan(&mut Dice::new(seed, "messages"), &friends(&follows), messages),
        follows,
    }
}

/// Who asks for a number gets it, as far as there are pairs. The usual number leaves half of them open: with all the
/// pairs taken nobody would stand out.
fn pairs(asked: Option<usize>, usual: usize, possible: usize) -> usize {
    asked.map_or(usual.min(possible / 2), |asked| asked.min(possible))
}

fn hits(seed: u64, videos: usize) -> Ranking {
    Ranking::new(&mut Dice::new(seed, "hits"), videos)
}

fn follow_plan(dice: &mut Dice, stars: &Ranking, users: usize, wanted: usize) -> Vec<(usize, usize)> {
    let circles = circle_follows(dice, users, wanted / 2);
    let draw = |dice: &mut Dice| (dice.below(users), stars.pick(dice));
    let every = (0..users).flat_map(|follower| (0..users).map(move |followed| (follower, followed)));
    let mut follows = distinct(dice, wanted, circles, draw, every, |(follower, followed)| follower != followed);
    dice.shuffle(&mut follows);
    follows
}

/// Mutual follows within circles of friends, at most `wanted` of them (and always both of a pair).
fn circle_follows(dice: &mut Dice, users: usize, wanted: usize) -> Vec<(usize, usize)> {
    let mut people: Vec<usize> = (0..users).collect();
    dice.shuffle(&mut people);
    let mut follows = Vec::new();
    let mut rest = &people[..];
    while !rest.is_empty() {
        let (circle, others) = rest.split_at(dice.between(CIRCLE_USERS_MIN, CIRCLE_USERS_MAX).min(rest.len()));
        rest = others;
        for (place, one) in circle.iter().enumerate() {
            for other in &circle[place + 1..] {
                if dice.chance(60) && follows.len() + 2 <= wanted {
                    follows.extend([(*one, *other), (*other, *one)]);
                }
            }
        }
    }
    follows
}

fn like_plan(dice: &mut Dice, hits: &Ranking, world: &World, wanted: usize) -> Vec<(usize, usize)> {
    let (users, videos) = (world.users.len(), world.videos.len());
    let draw = |dice: &mut Dice| (dice.below(users), hits.pick(dice));
    let every = (0..videos).flat_map(|video| (0..users).map(move |user| (user, video)));
    distinct(dice, wanted, Vec::new(), draw, every, |(user, video)| world.videos[video].author != user)
}

/// `wanted` pairs of which no two are alike: those that are given, then drawn ones; where these only repeat themselves,
/// the first ones of `every`.
fn distinct(
    dice: &mut Dice,
    wanted: usize,
    given: Vec<(usize, usize)>,
    draw: impl Fn(&mut Dice) -> (usize, usize),
    every: impl Iterator<Item = (usize, usize)>,
    is_allowed: impl Fn((usize, usize)) -> bool,
) -> Vec<(usize, usize)> {
    let mut taken: HashSet<(usize, usize)> = given.iter().copied().collect();
    let mut pairs = given;
    let drawn = (0..wanted * 20).map(|_| draw(dice));
    for pair in drawn.chain(every) {
        if pairs.len() >= wanted {
            break;
        }
        if is_allowed(pair) && taken.insert(pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn comment_plan(dice: &mut Dice, hits: &Ranking, world: &World, wanted: usize) -> Vec<Vec<PlannedComment>> {
    let mut comments = vec![Vec::new(); world.videos.len()];
    if comments.is_empty() {
        return comments;
    }
    for _ in 0..wanted {
        let video = hits.pick(dice);
        let planned = &world.videos[video];
        let text = talk::comment(dice, LOOKS[planned.clip].topic, &planned.title);
        comments[video].push(PlannedComment { user: dice.below(world.users.len()), text });
    }
    comments
}

/// Pairs of users who follow each other, each once.
fn friends(follows: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let known: HashSet<&(usize, usize)> = follows.iter().collect();
    follows.iter().copied().filter(|(one, other)| one < other && known.contains(&(*other, *one))).collect()
}

/// One dialogue for one pair after the other, and further ones where messages are left.
fn chat_plan(dice: &mut Dice, friends: &[(usize, usize)], wanted: usize) -> Vec<PlannedChat> {
    let mut chats: Vec<PlannedChat> =
        friends.iter().map(|pair| PlannedChat { users: *pair, messages: Vec::new() }).collect();
    let mut left = if friends.is_empty() { 0 } else { wanted };
    while left > 0 {
        for chat in &mut chats {
            let (one, other) = if dice.chance(50) { chat.users } else { (chat.users.1, chat.users.0) };
            for (place, text) in dice.pick(DIALOGUES).iter().take(left).enumerate() {
                let (from, to) = if place % 2 == 0 { (one, other) } else { (other, one) };
                chat.messages.push(PlannedMessage { from, to, text });
                left -= 1;
            }
        }
    }
    chats.retain(|chat| !chat.messages.is_empty());
    chats
}

#[cfg(test)]
#[path = "social_tests.rs"]
mod tests;
