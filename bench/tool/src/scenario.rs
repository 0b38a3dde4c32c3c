//! What is measured: a table of requests, each with what a bare server does for the same answer (see `limit.rs`).

use rand::Rng;
use rand::rngs::StdRng;

use crate::requests::{self, Facts, Request};

/// Uploads and password checks at once: below 64, which the server's settings allow, beside the samples that are taken.
const WAITING_MAX: usize = 48;

type Make = fn(&Facts, &mut StdRng) -> Request;

/// Requests of one method; oha sends no others from one process.
pub struct Stream {
    pub method: &'static str,
    /// Of all requests of the scenario, in per cent; requests are drawn by the weights of the makers.
    pub makers: &'static [(u32, Make)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Everything stands in the address.
    None,
    /// A clip as the part `data`.
    Clip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Plainly,
    /// `If-None-Match` with the tag that the server gave; skipped where it gives none.
    IfChanged,
    /// Skipped where the server does not compress.
    Gzip,
}

pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub streams: &'static [Stream],
    pub form: Form,
    pub asks: Asks,
    /// Addresses are drawn anew for every run: a repeated one would be no change.
    pub fresh: bool,
    /// More at once are refused, or wait for longer than the server lets them.
    pub connections_max: usize,
    /// What stands in every right answer; empty for one without a body.
    pub mark: &'static str,
}

impl Scenario {
    pub fn status(&self) -> u16 {
        if self.asks == Asks::IfChanged { 304 } else { 200 }
    }

    /// As long as the refusals of the API are not: the mean of the answers' sizes shows whether there was one.
    pub fn answers_are_alike(&self) -> bool {
        self.fresh && self.mark == SUCCESS
    }
}

impl Stream {
    pub fn share(&self) -> u32 {
        self.makers.iter().map(|(weight, _)| weight).sum()
    }

    pub fn request(&self, facts: &Facts, dice: &mut StdRng) -> Request {
        let mut left = dice.random_range(0..self.share());
        for (weight, make) in self.makers {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return make(facts, dice),
            }
        }
        self.makers[0].1(facts, dice)
    }
}

const SUCCESS: &str = r#""status_code":0"#;
const VIDEOS: &str = r#""video_list":[{"#;

macro_rules! stream {
    ($method:literal: $($weight:literal $make:ident),*) => {
        Stream { method: $method, makers: &[$(($weight, requests::$make as Make)),*] }
    };
}

const READ: Scenario = Scenario {
    name: "",
    about: "",
    streams: &[],
    form: Form::None,
    asks: Asks::Plainly,
    fresh: false,
    connections_max: usize::MAX,
    mark: VIDEOS,
};

const WRITE: Scenario = Scenario { fresh: true, mark: SUCCESS, ..READ };

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "feed", about: "newest page, signed out", streams: &[stream!("GET": 100 feed)], ..READ },
    Scenario {
        name: "feed-gzip",
        about: "newest page, signed out, compressed",
        streams: &[stream!("GET": 100 feed_gzip)],
        asks: Asks::Gzip,
        mark: "",
        ..READ
    },
    Scenario {
        name: "feed-304",
        about: "newest page, signed out, unchanged",
        streams: &[stream!("GET": 100 feed_unchanged)],
        asks: Asks::IfChanged,
        mark: "",
        ..READ
    },
    Scenario { name: "feed-in", about: "newest page, signed in", streams: &[stream!("GET": 100 feed_in)], ..READ },
    Scenario {
        name: "feed-deep",
        about: "pages of any age, signed out",
        streams: &[stream!("GET": 100 feed_deep)],
        ..READ
    },
    Scenario {
        name: "user",
        about: "any user",
        streams: &[stream!("GET": 100 user)],
        mark: r#""follower_count":"#,
        ..READ
    },
    Scenario {
        name: "publish-list",
        about: "20 videos of an author",
        streams: &[stream!("GET": 100 publish_list)],
        ..READ
    },
    Scenario {
        name: "favorite-list",
        about: "20 videos that a user likes",
        streams: &[stream!("GET": 100 favorite_list)],
        mark: r#""video_list":["#,
        ..READ
    },
    Scenario {
        name: "comment-list",
        about: "20 comments on a video",
        streams: &[stream!("GET": 100 comment_list)],
        mark: r#""comment_list":[{"#,
        ..READ
    },
    Scenario {
        name: "follower-list",
        about: "1 000 followers of the star",
        streams: &[stream!("GET": 100 follower_list)],
        // Each answer is a quarter of a megabyte and takes a thousand reads.
        connections_max: 16,
        mark: r#""user_list":[{"#,
        ..READ
    },
    Scenario {
        name: "chat",
        about: "polling a chat",
        streams: &[stream!("GET": 100 chat)],
        mark: r#""message_list":["#,
        ..READ
    },
    // Before what only writes: that makes chats so long that a poll of one is no longer what its limit sends.
    Scenario {
        name: "mixed",
        about: "feed 50 %, signed in 15, user 8, publish list 5, comment list 8, chat 5; like 6, comment 2, follow 1",
        streams: &[
            stream!("GET": 50 feed, 15 feed_in, 8 user, 5 publish_list, 8 comment_list, 5 chat),
            stream!("POST": 6 like, 2 comment, 1 follow),
        ],
        fresh: true,
        mark: "",
        ..READ
    },
    Scenario { name: "like", about: "any user, any video", streams: &[stream!("POST": 100 like)], ..WRITE },
    Scenario {
        name: "like-storm",
        about: "one video, liked and unliked",
        streams: &[stream!("POST": 100 like_storm)],
        ..WRITE
    },
    Scenario { name: "follow", about: "any user, any user", streams: &[stream!("POST": 100 follow)], ..WRITE },
    Scenario {
        name: "comment",
        about: "on any video",
        streams: &[stream!("POST": 100 comment)],
        mark: r#""comment":{"#,
        ..WRITE
    },
    Scenario { name: "message", about: "between friends", streams: &[stream!("POST": 100 message)], ..WRITE },
    Scenario {
        name: "login",
        about: "the right password",
        streams: &[stream!("POST": 100 login)],
        connections_max: WAITING_MAX,
        mark: r#""token":"ey"#,
        ..READ
    },
    // Last: its videos change the newest page.
    Scenario {
        name: "publish",
        about: "a clip of 2 MB",
        streams: &[stream!("POST": 100 publish)],
        form: Form::Clip,
        connections_max: WAITING_MAX,
        ..WRITE
    },
];
