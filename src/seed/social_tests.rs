use std::collections::HashSet;

use super::*;

fn sizes(users: usize, videos: usize) -> Sizes {
    Sizes { seed: 9, users, videos, likes: None, follows: None, comments: None, messages: None }
}

fn planned(sizes: &Sizes) -> (World, Social) {
    let world = world::plan(sizes.seed, sizes.users, sizes.videos);
    let social = plan(sizes, &world);
    assert_eq!(social, plan(sizes, &world), "the same world twice");
    (world, social)
}

fn comment_count(social: &Social) -> usize {
    social.comments.iter().map(Vec::len).sum()
}

fn message_count(social: &Social) -> usize {
    social.chats.iter().map(|chat| chat.messages.len()).sum()
}

fn is_plain(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && text.trim() == text && !text.contains(char::is_control)
}

fn check(sizes: &Sizes) -> Social {
    let (world, social) = planned(sizes);
    let follows: HashSet<_> = social.follows.iter().copied().collect();
    assert_eq!(follows.len(), social.follows.len());
    assert!(follows.iter().all(|(one, other)| one != other && *one < sizes.users && *other < sizes.users));
    let likes: HashSet<_> = social.likes.iter().copied().collect();
    assert_eq!(likes.len(), social.likes.len());
    assert!(likes.iter().all(|(user, video)| *user < sizes.users && world.videos[*video].author != *user));
    assert_eq!(social.comments.len(), world.videos.len());
    for comment in social.comments.iter().flatten() {
        assert!(comment.user < sizes.users && is_plain(&comment.text, 512), "{comment:?}");
    }
    let mut chatting = HashSet::new();
    for PlannedChat { users: (one, other), messages } in &social.chats {
        assert!(follows.contains(&(*one, *other)) && follows.contains(&(*other, *one)));
        assert!(chatting.insert((one, other)) && !messages.is_empty());
        for message in messages {
            let pair = (message.from.min(message.to), message.from.max(message.to));
            assert!(pair == (*one, *other) && is_plain(message.text, 2048), "{message:?}");
        }
    }
    social
}

#[test]
fn every_size_of_world_keeps_the_bounds_and_repeats() {
    for (users, videos) in [(0, 0), (0, 5), (1, 0), (1, 5), (2, 1), (3, 40), (50, 200), (2_000, 600)] {
        check(&sizes(users, videos));
    }
}

#[test]
fn totals_follow_from_users_and_videos_or_are_as_asked() {
    let social = check(&sizes(50, 200));
    assert_eq!((social.likes.len(), social.follows.len()), (4_000, 400));
    assert_eq!((comment_count(&social), message_count(&social)), (800, 500));
    let asked = Sizes { likes: Some(7), follows: Some(11), comments: Some(13), messages: Some(17), ..sizes(50, 200) };
    let social = check(&asked);
    assert_eq!((social.likes.len(), social.follows.len()), (7, 11));
    assert_eq!((comment_count(&social), message_count(&social)), (13, 17));
}

#[test]
fn asking_for_too_much_gives_every_pair_there_is() {
    let much = Some(1_000);
    let asked = Sizes { likes: much, follows: much, ..sizes(6, 4) };
    let social = check(&asked);
    assert_eq!((social.likes.len(), social.follows.len()), (4 * 5, 6 * 5));
    let lonely = check(&Sizes { likes: much, follows: much, messages: much, ..sizes(1, 4) });
    assert_eq!((social.chats.len() > 1, lonely.likes.len(), lonely.chats.len()), (true, 0, 0));
    let strangers = check(&Sizes { follows: Some(1), messages: much, ..sizes(6, 4) });
    assert_eq!(message_count(&strangers), 0);
}

/// The share of the first tenth, in per cent.
fn top_tenth(mut counts: Vec<usize>) -> usize {
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let top: usize = counts[..counts.len() / 10].iter().sum();
    top * 100 / counts.iter().sum::<usize>()
}

#[test]
fn a_few_stars_have_most_followers_and_a_few_hits_most_likes_and_comments() {
    let social = check(&sizes(1_000, 300));
    let (mut followers, mut likes) = (vec![0; 1_000], vec![0; 300]);
    social.follows.iter().for_each(|(_, followed)| followers[*followed] += 1);
    social.likes.iter().for_each(|(_, video)| likes[*video] += 1);
    let comments = social.comments.iter().map(Vec::len).collect();
    for (what, share) in
        [("follows", top_tenth(followers)), ("likes", top_tenth(likes)), ("comments", top_tenth(comments))]
    {
        assert!((35..90).contains(&share), "{what}: {share} % are with a tenth");
    }
}

#[test]
fn friends_form_circles_and_most_people_have_some() {
    let social = check(&sizes(500, 10));
    let friends = friends(&social.follows);
    let with_friends: HashSet<usize> = friends.iter().flat_map(|(one, other)| [*one, *other]).collect();
    assert!(with_friends.len() > 400, "{}", with_friends.len());
    let known: HashSet<_> = friends.iter().copied().collect();
    let is_friend = |one: usize, other: usize| known.contains(&(one.min(other), one.max(other)));
    let triangles = friends.iter().filter(|(a, b)| (0..500).any(|c| is_friend(*a, c) && is_friend(*b, c))).count();
    assert!(triangles * 2 > friends.len(), "{triangles} of {}", friends.len());
}

#[test]
fn comments_speak_chinese_and_english_and_rarely_repeat() {
    let social = check(&sizes(50, 200));
    let texts: Vec<&str> = social.comments.iter().flatten().map(|comment| comment.text.as_str()).collect();
    let chinese = texts.iter().filter(|text| text.contains(talk::is_han)).count();
    assert!((texts.len() / 4..texts.len() * 9 / 10).contains(&chinese), "{chinese} of {}", texts.len());
    let different: HashSet<&str> = texts.iter().copied().collect();
    assert!(different.len() > texts.len() / 3, "{} of {}", different.len(), texts.len());
}
