//! `riffle warmup`: loads Redis from Postgres, into a running system, without a wrong answer in between.
//!
//! What is new, emptied or behind is loaded as a server would load it ([`super::recoverer`]). What is in order is loaded
//! anew group by group: each group answers 503 for as long as it takes to load it, and all else is served.
//!
//! One that is killed leaves closed at most one group, which any server loads; another warm-up of the same parts goes on
//! behind what was done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::World;
use super::load::Pace;
use super::recoverer::{groups, in_order};
use super::recovery::Clearing;
use crate::archive::load::{self, Totals};
use crate::archive::warmup;
use crate::crash;
use crate::error::{Error, Result};
use crate::id::Bucket;
use crate::model::Scope;
use crate::progress::{Progress, progress};

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Clone)]
pub struct Options {
    /// In what order they are given does not matter.
    pub scopes: BTreeSet<Scope>,
    pub buckets: BTreeSet<Bucket>,
    pub dry_run: bool,
    /// Also what is refused otherwise: a Redis with foreign keys, which go, and one that is ahead of Postgres.
    pub replace: bool,
    pub rows_per_second_max: Option<u64>,
}

impl Options {
    fn is_all(&self) -> bool {
        self.scopes.len() == Scope::ALL.len() && self.buckets.len() == Bucket::COUNT
    }

    /// Names the same parts in the same way.
    fn parts(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.name()).collect();
        let buckets: Vec<String> = self.buckets.iter().map(Bucket::to_string).collect();
        let buckets = if buckets.len() == Bucket::COUNT { "all".into() } else { buckets.join(",") };
        format!("{} of {buckets}", scopes.join(","))
    }

    /// Where something of the scopes lies.
    fn places(&self) -> Vec<Bucket> {
        let feed_only = self.scopes.iter().all(|scope| *scope == Scope::Feed);
        let has_some = |bucket: &&Bucket| match **bucket {
            Bucket::FEED => self.scopes.contains(&Scope::Feed),
            _ => !feed_only,
        };
        self.buckets.iter().filter(has_some).copied().collect()
    }

    fn rows(&self, totals: &Totals, feed_window: u64) -> u64 {
        self.scopes.iter().map(|scope| rows_of(*scope, totals, feed_window)).sum()
    }
}

fn rows_of(scope: Scope, totals: &Totals, feed_window: u64) -> u64 {
    match scope {
        Scope::Feed => totals.videos.min(feed_window),
        Scope::Users => totals.users,
        Scope::Videos => totals.videos,
        Scope::Favorites => totals.favorites,
        Scope::Follows => totals.follows,
        Scope::Comments => totals.comments,
        Scope::Messages => totals.messages,
    }
}

pub async fn warm_up(world: &World, options: &Options) -> Result<()> {
    let session = world.archive.session().await?;
    let totals = load::totals(&session, &options.places()).await?;
    drop(session);
    let feed_window = world.config.feed_window;
    if options.dry_run {
        for scope in &options.scopes {
            println!("{}: {} rows", scope.name(), rows_of(*scope, &totals, feed_window));
        }
        println!("{} buckets would be loaded; nothing was touched", options.places().len());
        return Ok(());
    }
    let begun = Instant::now();
    let pace = Arc::new(Pace::new(options.rows_per_second_max));
    let bar = progress("warm-up", options.rows(&totals, feed_window) as usize);
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    let show = async {
        loop {
            tick.tick().await;
            bar.set(pace.total());
        }
    };
    let buckets = tokio::select! {
        done = load_all(world, options, &pace, &bar) => done?,
        () = show => 0,
    };
    bar.set(pace.total());
    bar.done();
    let loaded: Vec<String> = Scope::ALL
        .into_iter()
        .filter(|scope| options.scopes.contains(scope))
        .map(|scope| format!("{} {}", pace.rows(scope), scope.name()))
        .collect();
    let seconds = begun.elapsed().as_secs_f64();
    let rate = pace.total() as f64 / seconds;
    println!("{buckets} buckets loaded in {seconds:.1} s, {rate:.0} rows/s: {}", loaded.join(", "));
    Ok(())
}

/// Gives how many buckets were loaded.
async fn load_all(world: &World, options: &Options, pace: &Arc<Pace>, bar: &Progress) -> Result<usize> {
    if !options.is_all() {
        expect_in_order(world).await?;
    }
    // What is not in order is loaded whole, with all its scopes, whatever was asked for.
    let (scene, loaded) = in_order(&world.gate, pace, options.replace).await?;
    let parts = options.parts();
    let scopes: Vec<Scope> = options.scopes.iter().copied().collect();
    let mut done: BTreeSet<Bucket> = loaded.into_iter().collect();
    if done.len() < Bucket::COUNT {
        done.extend(warmup::begun(&scene.session, &parts).await?);
        if !done.is_empty() {
            bar.say(&format!("going on behind {} buckets that are done", done.len()));
        }
    }
    let wanted: Vec<Bucket> = options.places().into_iter().filter(|bucket| !done.contains(bucket)).collect();
    let groups = groups(&scene, &wanted).await?;
    // Between two groups whoever waits may have his turn.
    drop(scene);
    for group in groups {
        let (mut scene, _) = in_order(&world.gate, pace, false).await?;
        done.extend(&group);
        let count = group.len();
        scene.reload(group, &scopes, Clearing::Known).await?;
        warmup::done(&scene.session, &parts, &done.iter().copied().collect::<Vec<_>>()).await?;
        crash::point("warmup_group_done");
        bar.step(&format!("{count} buckets, {} rows so far", pace.total()));
    }
    warmup::finished(&world.archive.session().await?, &parts).await?;
    Ok(done.len())
}

/// A part alone would leave the rest of a Redis that is not in order empty, and look whole.
async fn expect_in_order(world: &World) -> Result<()> {
    match world.gate.admit().await {
        Ok(run) if run.is_whole() => Ok(()),
        Ok(_) => Err(Error::unavailable("parts of Redis are being loaded: wait, or warm up all")),
        Err(error) => Err(Error::unavailable(format!("Redis has to be loaded whole: warm up all ({error})"))),
    }
}
