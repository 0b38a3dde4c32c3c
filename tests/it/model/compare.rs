//! Comparing everything that the API shows with what the model says.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use riffle::http::format_date;
use riffle::id::{UserId, VideoId, ms_of, unix_ms_of};
use riffle::store::keys;
use serde_json::{Value, json};
use time::UtcOffset;

use super::state::{Cast, Comment, Moment, Share};
use crate::harness::{Account, Caller, Client, World, entries, ids};

/// `viewers`: from how many others' sides each user is looked at, besides his own.
pub async fn everything(world: &World, client: &Client, cast: &Cast, shares: &[Share], viewers: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let expected = Expected::of(cast, Share::merged(shares));
    let mut eyes = Eyes { world, caller: client.caller().await, cast, expected: &expected };
    for user in 0..cast.people.len() {
        let others: BTreeSet<usize> = (0..viewers).map(|_| random.random_range(0..cast.people.len())).collect();
        for viewer in others.into_iter().chain([user]) {
            eyes.see_user(viewer, user).await;
        }
        eyes.see_friends(user).await;
    }
    for video in 0..cast.videos.len() {
        eyes.see_comments(Some(random.random_range(0..cast.people.len())), video).await;
        eyes.see_comments(None, video).await;
    }
    for pair in expected.state.chats.keys() {
        eyes.see_chat(pair.0, pair.1).await;
        eyes.see_chat(pair.1, pair.0).await;
    }
    for viewer in [None, Some(0), Some(random.random_range(0..cast.people.len()))] {
        eyes.see_feed(viewer).await;
    }
}

/// The model's state, by whatever it is asked for.
struct Expected {
    state: Share,
    liked: Vec<BTreeMap<usize, Moment>>,
    follows: Vec<BTreeMap<usize, Moment>>,
    followers: Vec<BTreeMap<usize, Moment>>,
    /// Since the later of the two follows.
    friends: Vec<BTreeMap<usize, Moment>>,
    works: Vec<Vec<usize>>,
    likes_of_video: Vec<usize>,
    comments: Vec<Vec<Comment>>,
    favorited: Vec<usize>,
}

impl Expected {
    fn of(cast: &Cast, state: Share) -> Expected {
        let people = cast.people.len();
        let mut liked = vec![BTreeMap::new(); people];
        let mut follows = vec![BTreeMap::new(); people];
        let mut followers = vec![BTreeMap::new(); people];
        let mut friends = vec![BTreeMap::new(); people];
        let mut works = vec![Vec::new(); people];
        let mut likes_of_video = vec![0; cast.videos.len()];
        let mut comments = vec![Vec::new(); cast.videos.len()];
        let mut favorited = vec![0; people];
        for ((user, video), moment) in &state.likes {
            liked[*user].insert(*video, *moment);
            likes_of_video[*video] += 1;
            favorited[cast.videos[*video].author] += 1;
        }
        for ((follower, followed), moment) in &state.follows {
            follows[*follower].insert(*followed, *moment);
            followers[*followed].insert(*follower, *moment);
            if let Some(back) = state.follows.get(&(*followed, *follower)) {
                friends[*follower].insert(*followed, if back.sent > moment.sent { *back } else { *moment });
            }
        }
        for (place, video) in cast.videos.iter().enumerate() {
            works[video.author].push(place);
        }
        for comment in &state.comments {
            comments[comment.video].push(comment.clone());
        }
        Expected { state, liked, follows, followers, friends, works, likes_of_video, comments, favorited }
    }
}

struct Eyes<'a> {
    world: &'a World,
    caller: Caller,
    cast: &'a Cast,
    expected: &'a Expected,
}

impl Eyes<'_> {
    fn account(&self, person: usize) -> &Account {
        &self.cast.people[person].account
    }

    fn user(&self, viewer: Option<usize>, user: usize) -> Value {
        let (person, expected) = (&self.cast.people[user], self.expected);
        json!({
            "id": person.account.id,
            "name": person.name,
            "follow_count": expected.follows[user].len(),
            "follower_count": expected.followers[user].len(),
            "is_follow": viewer.is_some_and(|viewer| expected.follows[viewer].contains_key(&user)),
            "total_favorited": expected.favorited[user],
            "work_count": expected.works[user].len(),
            "favorite_count": expected.liked[user].len(),
            "avatar": "", "background_image": "", "signature": "",
        })
    }

    fn video(&self, viewer: Option<usize>, place: usize) -> Value {
        let (video, expected) = (&self.cast.videos[place], self.expected);
        json!({
            "id": video.id,
            "author": self.user(viewer, video.author),
            "play_url": video.shown["play_url"],
            "cover_url": video.shown["cover_url"],
            "favorite_count": expected.likes_of_video[place],
            "comment_count": expected.comments[place].len(),
            "is_favorite": viewer.is_some_and(|viewer| expected.liked[viewer].contains_key(&place)),
            "title": video.title,
            "create_time": video.shown["create_time"],
        })
    }

    async fn list(&mut self, viewer: usize, path: &str, user: usize) -> Value {
        let (cast, id) = (self.cast, cast_id(self.cast, user));
        self.caller.see(&cast.people[viewer].account, path, &[("user_id", &id)]).await
    }

    async fn see_user(&mut self, viewer: usize, user: usize) {
        let (expected, id) = (self.expected, UserId(cast_id(self.cast, user)));
        let profile = self.list(viewer, "/douyin/user/", user).await;
        assert_eq!(profile["user"], self.user(Some(viewer), user), "{viewer} looks at {user}");

        let works = self.list(viewer, "/douyin/publish/list/", user).await;
        let wanted: Vec<Value> =
            expected.works[user].iter().rev().map(|video| self.video(Some(viewer), *video)).collect();
        assert_eq!(entries(&works, "video_list"), wanted, "{viewer} looks at the videos of {user}");

        let liked = self.list(viewer, "/douyin/favorite/list/", user).await;
        let wanted = expected.liked[user].iter().map(|(video, at)| (self.video(Some(viewer), *video), *at));
        self.same(entries(&liked, "video_list"), wanted.collect(), &keys::liked(id)).await;

        for (path, edges, key) in [
            ("/douyin/relation/follow/list/", &expected.follows[user], keys::followed(id)),
            ("/douyin/relation/follower/list/", &expected.followers[user], keys::followed_by(id)),
        ] {
            let list = self.list(viewer, path, user).await;
            let wanted = edges.iter().map(|(other, at)| (self.user(Some(viewer), *other), *at));
            self.same(entries(&list, "user_list"), wanted.collect(), &key).await;
        }
    }

    /// Whose friends they are is for the token to say: a foreign `user_id` changes nothing.
    async fn see_friends(&mut self, user: usize) {
        let stranger = (user + 1) % self.cast.people.len();
        let list = self.list(user, "/douyin/relation/friend/list/", stranger).await;
        let wanted = self.expected.friends[user].iter().map(|(friend, at)| {
            let mut shown = self.user(Some(user), *friend);
            let chat = self.expected.state.chats.get(&(user.min(*friend), user.max(*friend)));
            let newest = chat.and_then(|chat| chat.last());
            shown["message"] = newest.map_or("", |message| &message.text).into();
            shown["msgType"] = newest.map_or(0, |message| u8::from(message.from == user)).into();
            (shown, *at)
        });
        let key = keys::friends(UserId(self.account(user).id));
        self.same(entries(&list, "user_list"), wanted.collect(), &key).await;
    }

    async fn see_comments(&mut self, viewer: Option<usize>, video: usize) {
        let id = self.cast.videos[video].id;
        let token = viewer.map_or("", |viewer| &self.cast.people[viewer].account.token);
        let list = self.caller.get(&format!("/douyin/comment/list/?video_id={id}&token={token}")).await;
        let wanted = self.expected.comments[video].iter().map(|comment| {
            let user = self.user(viewer, comment.user);
            let date = shown_date(comment.id);
            let shown = json!({"id": comment.id, "user": user, "content": comment.text, "create_date": date});
            (shown, comment.made)
        });
        self.same(entries(&list, "comment_list"), wanted.collect(), &keys::comments(VideoId(id))).await;
        assert!(ids(&list, "comment_list").is_sorted_by(|newer, older| newer > older), "{list}");
    }

    async fn see_chat(&mut self, viewer: usize, other: usize) {
        let (from, to) = (self.account(viewer).clone(), self.account(other).id);
        let chat = self.caller.chat(&from, to, Some(&0)).await;
        let messages = &self.expected.state.chats[&(viewer.min(other), viewer.max(other))];
        let found = entries(&chat, "message_list");
        let shown: Vec<_> =
            found.iter().map(|found| [&found["from_user_id"], &found["to_user_id"], &found["content"]]).collect();
        let wanted: Vec<[Value; 3]> = messages
            .iter()
            .map(|message| {
                let receiver = if message.from == viewer { other } else { viewer };
                [self.account(message.from).id.into(), self.account(receiver).id.into(), message.text.as_str().into()]
            })
            .collect();
        let wanted: Vec<_> = wanted.iter().map(|message| message.each_ref()).collect();
        assert_eq!(shown, wanted, "the chat of {viewer} with {other}");
        let times: Vec<u64> = found.iter().map(|found| found["create_time"].as_u64().unwrap()).collect();
        assert!(times.is_sorted_by(|older, newer| older < newer), "{times:?}");
    }

    async fn see_feed(&mut self, viewer: Option<usize>) {
        let token = viewer.map_or("", |viewer| &self.cast.people[viewer].account.token);
        let (mut shown, mut latest_time) = (Vec::new(), 0);
        loop {
            let page = self.caller.get(&format!("/douyin/feed/?token={token}&latest_time={latest_time}")).await;
            shown.extend_from_slice(entries(&page, "video_list"));
            latest_time = page["next_time"].as_u64().unwrap();
            if latest_time == 0 {
                break;
            }
        }
        let wanted =
            self.cast.videos.iter().enumerate().map(|(place, video)| (self.video(viewer, place), video.published));
        self.same(&shown, wanted.collect(), &keys::feed()).await;
        assert!(
            shown.is_sorted_by(|newer, older| newer["id"].as_u64() > older["id"].as_u64()),
            "the feed of {viewer:?}"
        );
    }

    /// The same entries, and none before another that is newer. `key`: where their order lies.
    async fn same(&self, found: &[Value], wanted: Vec<(Value, Moment)>, key: &str) {
        let mut wanted: BTreeMap<u64, (Value, Moment)> =
            wanted.into_iter().map(|(value, moment)| (value["id"].as_u64().unwrap(), (value, moment))).collect();
        let mut newer: Option<(u64, Moment)> = None;
        for entry in found {
            let id = entry["id"].as_u64().unwrap();
            let (value, moment) = wanted.remove(&id).unwrap_or_else(|| panic!("{key}: one too many: {entry}"));
            assert_eq!(*entry, value, "{key}");
            if let Some((newer_id, newer)) = newer
                && newer.answered < moment.sent
            {
                self.excuse(key, newer_id, id).await;
            }
            if newer.is_none_or(|(_, newer)| moment.answered < newer.answered) {
                newer = Some((id, moment));
            }
        }
        assert!(wanted.is_empty(), "{key}: not listed: {wanted:?}");
    }

    /// Versions from two buckets have one order to the millisecond only.
    async fn excuse(&self, key: &str, newer: u64, older: u64) {
        let mut milliseconds = Vec::new();
        for id in [newer, older] {
            let place = self.world.redis_command("ZSCORE", &[key, &id.to_string()]).await;
            milliseconds.push(ms_of(place.required_number().unwrap()));
        }
        assert_eq!(milliseconds[0], milliseconds[1], "{key}: {newer} stands before {older}, which is newer");
    }
}

/// Ids begin at the clock in a world without a past, so a date is the id's own.
fn shown_date(id: u64) -> String {
    format_date(unix_ms_of(id), UtcOffset::from_hms(8, 0, 0).unwrap())
}

fn cast_id(cast: &Cast, user: usize) -> u64 {
    cast.people[user].account.id
}
