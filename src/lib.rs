//! riffle: a Redis-first, high-throughput short-video feed service.
//!
//! # The map
//!
//! ```text
//! main, cli, server      commands and flags; the threads of the process
//!   healthcheck, media_command, doctor   commands that look at one thing only
//!   api                  the endpoints, one file per word
//!   feed                 the pages of the feed, kept ready for all threads
//!   sync                 the only place where Redis and Postgres meet
//!   seed, dev            demo data; private Redis and Postgres processes
//!     http               listening, parameters, answers; knows no store
//!     store              Redis: keys.rs is the whole data model, run.rs the only way in, lua/ what changes it
//!     archive            Postgres: one function for each file of sql/queries
//!     media              files in a folder or in S3, what is a video, covers
//!     auth               tokens, passwords, names
//!       config, error, id, model, crash
//! ```
//!
//! Imports go down only, and features (`user`, `video`, `feed`…) never import each other; `tests/tidy.rs` checks it.
//! One word runs through the tree: `api/publish.rs` → `sync/publish.rs` → `store/video.rs` → `lua/video_show.lua` →
//! `sql/queries/video_insert.sql` → `tests/it/publish.rs`.
//!
//! # Reading order
//!
//! [`id`] (a number that says when, where and in what order), `store/keys.rs`, `lua/lib/head.lua`, `store/run.rs`, then
//! one endpoint to the bottom.
//!
//! # One walk for a write: a like
//!
//! 1. `api/favorite.rs` takes the parameters and asks `store/favorite.rs`, which is an edge (`store/edge.rs`).
//! 2. `lua/favorite_set.lua` in the bucket of the video decides and counts: set, counters, version, outbox entry at once.
//! 3. `lua/favorite_mirror.lua` in the bucket of the user follows by version. Then the answer.
//! 4. Behind, on one elected server: `sync/flush.rs` writes the outbox to Postgres, rows and position in one transaction;
//!    `sync/relay.rs` brings mirrors after their homes where a handler died; `sync/recovery.rs` loads a Redis that was
//!    emptied or rewound, as `sync/warmup.rs` does when asked to. `sync/verify.rs` holds all three against each other.
//!
//! The rules between Redis, Postgres and the servers stand in `tests/protocol/rules.rs`, each with what breaks without
//! it; `tests/protocol` simulates them all, with the same decisions as the program (`sync/rules.rs`).
//!
//! # Another, with bytes: publishing
//!
//! 1. `api/publish.rs` streams the part `data` into a draft file, then looks at token and title.
//! 2. `media/probe.rs` has a child process look into the file.
//! 3. `sync/publish.rs`: mint an id in the author's bucket (`lua/id_mint.lua`), keep the file under a random name,
//!    write the row to Postgres, make the video visible (`lua/video_show.lua`: hash, list, count, outbox entry at once),
//!    put it into the feed (`lua/feed_insert.lua`). Then the answer.
//! 4. Behind: `sync/pending.rs` completes what a crash between two steps left;
//!    `sync/cover.rs` makes the cover; `sync/sweep.rs` removes files without a row.
//!
//! # One walk for a read: the feed
//!
//! 1. `api/feed.rs` takes the thread's admitted connection from its [`store::Slot`]; without one the answer is 503.
//! 2. `feed/mod.rs` finds the page among those that are kept: nothing of it changed through this server since, nor more
//!    than 250 ms ago through another, of which Redis tells by itself (`store/watch.rs`). Signed out, its text is the
//!    answer.
//! 3. Else one request reads for all who want it what the kept cards of its videos and users lack, in one trip
//!    (`store/sight.rs`, as lists do), which reads the heads of the buckets it touches last, and believes nothing if one is
//!    not what it should be: never a wrong zero. Past the part of the order that is known, Redis is asked for the ids first,
//!    and past what it keeps, Postgres.
//! 4. Signed in, the viewer's own sets, which are kept while he is active (`store/viewer.rs`) or asked for in one trip, set
//!    the flags in a copy of the text.
//!
//! # Absent on purpose
//!
//! Consumer groups (the outbox position lives where the rows live), a cache with a time to live (nothing in Redis
//! expires), an ORM, a trait per thing "for mocking" (tests drive the real stores), reconnecting clients (a connection
//! that was lost is compared anew), distributed transactions, `KEYS`.

pub mod api;
pub mod archive;
pub mod auth;
pub mod cli;
pub mod config;
pub mod crash;
pub mod dev;
mod doctor;
pub mod error;
pub mod feed;
mod healthcheck;
pub mod http;
pub mod id;
pub mod media;
mod media_command;
pub mod model;
mod progress;
pub mod seed;
pub mod server;
pub mod store;
pub mod sync;
