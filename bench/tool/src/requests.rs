//! The requests that scenarios are made of, and the facts that they are made from.

use rand::Rng;
use rand::rngs::StdRng;
use riffle::auth::token::Tokens;
use riffle::id::{UserId, unix_ms_of};

use crate::Result;
use crate::data::{PASSWORD, World};

/// Users whose tokens the requests carry.
const VIEWERS_MAX: usize = 1_000;
const DAY_MS: i64 = 86_400_000;

/// What requests are made of.
pub struct Facts {
    pub world: World,
    /// Each with his place among the users.
    viewers: Vec<(usize, String)>,
    now_ms: i64,
}

impl Facts {
    pub fn new(world: World, token_secret: &str, now_ms: i64) -> Result<Facts> {
        let ttl = std::time::Duration::from_secs(7 * 86_400);
        let tokens = Tokens::new(token_secret.as_bytes(), ttl);
        let count = world.users.len().min(VIEWERS_MAX);
        let step = world.users.len() / count;
        let viewers = (0..count).map(|viewer| {
            let place = viewer * step;
            Ok((place, tokens.issue(UserId(world.users[place]))?))
        });
        Ok(Facts { viewers: viewers.collect::<Result<_>>()?, world, now_ms })
    }

    /// A viewer's id and token.
    fn viewer(&self, dice: &mut StdRng) -> (u64, &str) {
        let (place, token) = &self.viewers[dice.random_range(0..self.viewers.len())];
        (self.world.users[*place], token)
    }

    /// A viewer's id and token, and his friend's id.
    fn friends(&self, dice: &mut StdRng) -> (u64, &str, u64) {
        let (place, token) = &self.viewers[dice.random_range(0..self.viewers.len())];
        (self.world.users[*place], token, self.world.users[place ^ 1])
    }

    fn user(&self, dice: &mut StdRng) -> u64 {
        self.world.users[dice.random_range(0..self.world.users.len())]
    }
}

/// The same request to riffle and to the limit.
pub struct Request {
    /// With its query.
    pub path: String,
    /// Without one: it takes the query of `path` along.
    pub bare: String,
}

pub fn feed(_: &Facts, _: &mut StdRng) -> Request {
    Request { path: "/douyin/feed/".to_owned(), bare: "bytes/feed".to_owned() }
}

pub fn feed_gzip(_: &Facts, _: &mut StdRng) -> Request {
    Request { path: "/douyin/feed/".to_owned(), bare: "bytes/feed-gzip".to_owned() }
}

pub fn feed_unchanged(_: &Facts, _: &mut StdRng) -> Request {
    Request { path: "/douyin/feed/".to_owned(), bare: "bytes/feed-304".to_owned() }
}

pub fn feed_in(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    Request { path: format!("/douyin/feed/?token={token}"), bare: format!("page/feed-in/{viewer}") }
}

pub fn feed_deep(facts: &Facts, dice: &mut StdRng) -> Request {
    // A whole page is below it.
    let place = dice.random_range(facts.world.videos.len().min(31) - 1..facts.world.videos.len());
    let before_ms = unix_ms_of(facts.world.videos[place].id);
    Request { path: format!("/douyin/feed/?latest_time={before_ms}"), bare: "bytes/feed-deep".to_owned() }
}

pub fn user(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    let user = facts.user(dice);
    Request { path: format!("/douyin/user/?user_id={user}&token={token}"), bare: format!("user/user/{viewer}/{user}") }
}

pub fn publish_list(facts: &Facts, dice: &mut StdRng) -> Request {
    let (_, token) = facts.viewer(dice);
    let author = facts.world.videos[dice.random_range(0..facts.world.videos.len())].author;
    Request {
        path: format!("/douyin/publish/list/?user_id={author}&limit=20&token={token}"),
        bare: format!("works/publish-list/{author}"),
    }
}

pub fn favorite_list(facts: &Facts, dice: &mut StdRng) -> Request {
    let (_, token) = facts.viewer(dice);
    let user = facts.user(dice);
    Request {
        path: format!("/douyin/favorite/list/?user_id={user}&limit=20&token={token}"),
        bare: format!("liked/favorite-list/{user}"),
    }
}

pub fn comment_list(facts: &Facts, dice: &mut StdRng) -> Request {
    let (_, token) = facts.viewer(dice);
    let video = facts.world.ranked(dice.random_range(0..facts.world.ranks_with_comments(20).max(1))).id;
    Request {
        path: format!("/douyin/comment/list/?video_id={video}&limit=20&token={token}"),
        bare: format!("comments/comment-list/{video}"),
    }
}

pub fn follower_list(facts: &Facts, dice: &mut StdRng) -> Request {
    let (_, token) = facts.viewer(dice);
    let star = facts.world.users[0];
    Request {
        path: format!("/douyin/relation/follower/list/?user_id={star}&token={token}"),
        bare: format!("followers/follower-list/{star}"),
    }
}

pub fn chat(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token, friend) = facts.friends(dice);
    let since_ms = facts.now_ms - dice.random_range(DAY_MS..3 * DAY_MS);
    Request {
        path: format!("/douyin/message/chat/?to_user_id={friend}&pre_msg_time={since_ms}&token={token}"),
        bare: format!("chat/chat/{viewer}/{friend}"),
    }
}

pub fn like(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    let video = facts.world.videos[dice.random_range(0..facts.world.videos.len())];
    Request {
        path: format!("/douyin/favorite/action/?video_id={}&action_type=1&token={token}", video.id),
        bare: format!("like/like/{viewer}/{}/{}/1", video.id, video.author),
    }
}

pub fn like_storm(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    let video = facts.world.ranked(0);
    // Every other one changes something.
    let on = dice.random::<bool>();
    let action = if on { 1 } else { 2 };
    Request {
        path: format!("/douyin/favorite/action/?video_id={}&action_type={action}&token={token}", video.id),
        bare: format!("like/like-storm/{viewer}/{}/{}/{}", video.id, video.author, u8::from(on)),
    }
}

pub fn follow(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    let mut to = facts.user(dice);
    while to == viewer {
        to = facts.user(dice);
    }
    Request {
        path: format!("/douyin/relation/action/?to_user_id={to}&action_type=1&token={token}"),
        bare: format!("follow/follow/{viewer}/{to}"),
    }
}

pub fn comment(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token) = facts.viewer(dice);
    let video = facts.world.videos[dice.random_range(0..facts.world.videos.len())].id;
    Request {
        path: format!(
            "/douyin/comment/action/?video_id={video}&action_type=1&comment_text=%E5%A5%BD+a+text+of+usual+length&token={token}"
        ),
        bare: format!("comment/comment/{viewer}/{video}"),
    }
}

pub fn message(facts: &Facts, dice: &mut StdRng) -> Request {
    let (viewer, token, friend) = facts.friends(dice);
    Request {
        path: format!(
            "/douyin/message/action/?to_user_id={friend}&action_type=1&content=%E5%A5%BD+a+text+of+usual+length&token={token}"
        ),
        bare: format!("message/message/{viewer}/{friend}"),
    }
}

pub fn login(facts: &Facts, dice: &mut StdRng) -> Request {
    let name = World::name(dice.random_range(0..facts.world.users.len()));
    Request { path: format!("/douyin/user/login/?username={name}&password={PASSWORD}"), bare: "login/login".to_owned() }
}

pub fn publish(facts: &Facts, dice: &mut StdRng) -> Request {
    let (_, token) = facts.viewer(dice);
    Request { path: format!("/douyin/publish/action/?title=clip&token={token}"), bare: "upload/publish".to_owned() }
}
