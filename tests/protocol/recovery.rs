//! Recovery (`sync/recovery.rs`, `sync/neighbors.rs`), in two steps.
//!
//! *Settle*: a node whose run is not admitted, or whose heads are out of order, gets a new epoch; all its buckets are
//! closed and drained. Nothing was lost: what may be missing is loaded, and they are opened. Else what others prove is
//! adopted, and the run is admitted with its buckets closed.
//!
//! *Reload*: what is closed, or what an operator names, is loaded anew in groups, while the rest serves.
//!
//! Any refusal on the way ends it. Whoever has the recovery lock may go on; one that froze may still wake.

use riffle::archive::buckets::BucketRow;
use riffle::id::ms_of;
use riffle::store::Head;
use riffle::sync::rules;

use crate::admission::in_order;
use crate::flusher::positions;
use crate::layout::BUCKETS;
use crate::postgres::{Epochs, Fenced, Postgres};
use crate::redis::{Answer, Decision, Keys, Script, bucket_of};
use crate::rules::Rule;
use crate::world::{Link, Refusal, Result, World};

type Rows = [BucketRow; BUCKETS];
type Fence = fn(&mut Postgres, &[usize], u64, &[u64]) -> Option<Fenced>;

/// What a recovery works with: the runs that the nodes had when it began.
pub struct Scene<'w> {
    pub world: &'w World,
    pub server: usize,
    pub runs: Vec<u64>,
}

/// Buckets that are closed, and what is known of them.
struct Closed {
    buckets: Vec<usize>,
    epoch: u64,
    /// Whether some were open until the fence.
    were_open: bool,
    /// Of all buckets, as the fence left them.
    epochs: Epochs,
    /// The heads they had.
    heads: Vec<Option<Head>>,
    /// All rows, read before the fence.
    before: Rows,
    /// All rows, read after the closing.
    rows: Rows,
    /// The highest id that was known anywhere.
    highest: u64,
    /// From where they will mint: above every id that may exist, lost ones included.
    base_ms: u64,
}

impl Closed {
    fn bases(&self) -> Vec<(usize, u64)> {
        self.buckets.iter().map(|bucket| (*bucket, bucket_of(*bucket).id_at(self.base_ms))).collect()
    }

    fn rows_of(&self, rows: &Rows) -> Vec<BucketRow> {
        self.buckets.iter().map(|bucket| rows[*bucket]).collect()
    }
}

impl<'w> Scene<'w> {
    fn run_of(&self, bucket: usize) -> u64 {
        self.runs[self.world.layout.node_of[bucket]]
    }

    async fn rows(&self) -> Result<Rows> {
        self.world.query(|postgres| postgres.buckets).await
    }

    /// Brings a whole node in order, or has it be loaded.
    pub async fn settle(&self, node: usize) -> Result<()> {
        let world = self.world;
        let run = self.runs[node];
        let mut closed = self.close(world.layout.buckets_of(node), Postgres::fence).await?;
        closed.base_ms = rules::base_ms(closed.highest, world.server_ms(self.server));
        self.drain_closed(&closed).await?;
        self.close_neighbors(&closed).await?;
        self.drain_neighbors(&closed).await?;
        self.have_neighbors_forget(&closed).await?;
        self.adopt(&closed).await?;
        if self.is_whole(&closed) {
            world.say(|| format!("keeps node {node}"));
            let seen = self.deliver(&closed).await?;
            self.load(&closed, true).await?;
            return self.open(&closed, &seen, Some(run)).await;
        }
        self.clear(&closed).await?;
        let bases = closed.bases();
        let what = format!("node {node} is to be loaded");
        world.commit(&what, |postgres| postgres.admit_closed(&bases, closed.epoch, run).then_some(())).await
    }

    /// Loads buckets anew and opens them. Those that are closed have been drained.
    pub async fn reload(&self, buckets: Vec<usize>) -> Result<()> {
        let world = self.world;
        let mut closed = self.close(buckets, Postgres::fence_admitted).await?;
        // What may have been lost before lies below what was noted when the node was settled.
        closed.base_ms = world.server_ms(self.server).max(ms_of(closed.highest) + 1);
        if closed.were_open {
            if !self.is_whole(&closed) && world.keeps(Rule::OnlyWhatIsWholeIsReloaded) {
                return Err(Refusal::Epoch);
            }
            self.drain_closed(&closed).await?;
            let runs: Vec<u64> = closed.buckets.iter().map(|bucket| self.run_of(*bucket)).collect();
            world.commit("drained", |postgres| postgres.admit_again(&runs, closed.epochs).then_some(())).await?;
        }
        self.drain_neighbors(&closed).await?;
        self.adopt(&closed).await?;
        let seen = self.deliver(&closed).await?;
        self.clear(&closed).await?;
        self.load(&closed, false).await?;
        self.open(&closed, &seen, None).await
    }

    /// Fence in Postgres, then close in Redis: from here on nothing of the old epochs is answered or committed.
    async fn close(&self, buckets: Vec<usize>, fence: Fence) -> Result<Closed> {
        let world = self.world;
        let before = self.rows().await?;
        let mut met = Vec::new();
        for bucket in &buckets {
            met.push(world.peek(*bucket, self.run_of(*bucket), |keys| keys.head).await?);
        }
        let highest_before = self.highest(&met, &before).await?;
        let met = met.iter().flatten().map(|head| head.epoch).chain(before.map(|row| row.epoch));
        let epoch = met.max().unwrap() + 1;
        let runs: Vec<u64> = buckets.iter().map(|bucket| self.run_of(*bucket)).collect();
        let what = format!("fence b{buckets:?} with epoch {epoch}");
        let Fenced { were_open, epochs } =
            world.commit(&what, |postgres| fence(postgres, &buckets, epoch, &runs)).await?;
        let mut heads = Vec::new();
        for bucket in &buckets {
            let link = Link { bucket: *bucket, run: self.run_of(*bucket), epoch };
            let Answer::Former(head) = world.call(link, Script::Close).await? else { return Err(Refusal::Epoch) };
            heads.push(head);
        }
        let rows = self.rows().await?;
        let is_late = world.keeps(Rule::TheBaseIsTakenBehindTheClosing);
        let highest = if is_late { self.highest(&heads, &rows).await? } else { highest_before };
        Ok(Closed { buckets, epoch, were_open, epochs, heads, before, rows, highest, base_ms: 0 })
    }

    /// Whether the buckets that were open had all that anyone relied on.
    fn is_whole(&self, closed: &Closed) -> bool {
        let world = self.world;
        let before = closed.rows_of(&closed.before);
        if world.keeps(Rule::WhatWasSeenIsReadBehindTheFence) && world.keeps(Rule::WhatIsBehindIsOutOfOrder) {
            return rules::may_keep(&before, &closed.rows_of(&closed.rows), &closed.heads);
        }
        in_order(world, &before, &closed.heads)
    }

    /// The highest id that is known anywhere.
    async fn highest(&self, heads: &[Option<Head>], rows: &Rows) -> Result<u64> {
        let of_closed = heads.iter().flatten().map(|head| head.last);
        let mut highest = of_closed.chain(rows.iter().map(|row| row.seen)).max().unwrap();
        if self.world.keeps(Rule::TheBaseIsAboveAllHeads) {
            for bucket in self.world.layout.buckets() {
                let of_bucket = |keys: &Keys| keys.recent.into_iter().chain(keys.head.map(|head| head.last)).max();
                highest = highest.max(self.world.peek(bucket, self.run_of(bucket), of_bucket).await?.unwrap_or(0));
            }
        }
        Ok(highest)
    }

    /// A node that was emptied since the closing holds nothing to drain, but is not drained.
    async fn drain_closed(&self, closed: &Closed) -> Result<()> {
        for bucket in &closed.buckets {
            if self.world.keeps(Rule::ClosedStreamsAreDrained) {
                self.drain(*bucket, false).await?;
            }
            let head = self.world.peek(*bucket, self.run_of(*bucket), |keys| keys.head).await?;
            let is_ours = head.is_some_and(|head| !head.open && head.epoch == closed.epoch);
            if !is_ours && self.world.keeps(Rule::DrainedIsWhatIsStillClosed) {
                return Err(Refusal::Epoch);
            }
        }
        Ok(())
    }

    /// Whoever fenced a neighbor in Postgres may have died before he closed it in Redis: until that is done, servers of the
    /// former epoch go on, and would believe late messages of a history that ends here.
    async fn close_neighbors(&self, closed: &Closed) -> Result<()> {
        if !self.world.keeps(Rule::WhatIsFencedIsClosed) {
            return Ok(());
        }
        for bucket in self.neighbors(closed).into_iter().filter(|bucket| !closed.rows[*bucket].open) {
            let link = Link { bucket, run: self.run_of(bucket), epoch: closed.rows[bucket].epoch };
            match self.world.call(link, Script::Close).await {
                // Of this epoch or a newer one: somebody has closed it.
                Ok(_) | Err(Refusal::Epoch) => {}
                Err(gone) => return Err(gone),
            }
        }
        Ok(())
    }

    /// What was acknowledged with a mirror in a closed bucket may be known to its home's stream only. What is decided
    /// from here on cannot be acknowledged while the mirror is closed.
    async fn drain_neighbors(&self, closed: &Closed) -> Result<()> {
        if self.world.keeps(Rule::OtherStreamsAreDrained) {
            for bucket in self.neighbors(closed) {
                self.drain(bucket, closed.rows[bucket].open).await?;
            }
        }
        Ok(())
    }

    fn neighbors(&self, closed: &Closed) -> Vec<usize> {
        self.world.layout.buckets().filter(|bucket| !closed.buckets.contains(bucket)).collect()
    }

    /// Flushes what a stream held when this began.
    async fn drain(&self, bucket: usize, open: bool) -> Result<()> {
        let mut newest = None;
        loop {
            let rows = self.rows().await?;
            let read = |keys: &Keys| keys.outbox.clone();
            let stream = self.world.peek(bucket, self.run_of(bucket), read).await?;
            let until = *newest.get_or_insert(stream.last().map_or(0, |entry| entry.version));
            let is_wanted = |entry: &&Decision| entry.version > rows[bucket].position && entry.version <= until;
            let entries: Vec<Decision> = stream.iter().filter(is_wanted).take(2).copied().collect();
            if entries.is_empty() {
                return Ok(());
            }
            let moves = rules::moves(positions(self.world, &entries), &rows);
            let what = format!("drain {entries:?}");
            self.world.commit(&what, |postgres| postgres.flush(&entries, &moves, open).then_some(())).await?;
        }
    }

    /// Nobody else believes a late message of a history that ends here.
    async fn have_neighbors_forget(&self, closed: &Closed) -> Result<()> {
        if !self.world.keeps(Rule::OthersForgetBeforeAdopting) {
            return Ok(());
        }
        let ended = bucket_of(0).id_at(closed.base_ms) - 1;
        let forget = |bucket| (bucket, Script::Forget { up_to: ended });
        self.tell(closed, self.neighbors(closed).into_iter().map(forget).collect()).await.map(drop)
    }

    /// Tells open buckets. One that is closed will be loaded; one that may have been rewound must be compared first: what
    /// is minted in it would cover the gap. Gives what each minted.
    async fn tell(&self, closed: &Closed, messages: Vec<(usize, Script)>) -> Result<Vec<(usize, u64)>> {
        let world = self.world;
        let (rows, admitted) = world.query(|postgres| (postgres.buckets, postgres.admitted.clone())).await?;
        let messages: Vec<_> = messages.into_iter().filter(|(bucket, _)| rows[*bucket].open).collect();
        let is_admitted = |(bucket, _): &(usize, Script)| admitted.contains(&self.run_of(*bucket));
        if !messages.iter().all(is_admitted) && world.keeps(Rule::OnlyAdmittedRunsAreTold) {
            return Err(Refusal::Gone);
        }
        if !messages.is_empty() && world.keeps(Rule::TheBaseIsWrittenDownFirst) {
            let bases = closed.bases();
            let what = format!("bases {bases:?}");
            world.commit(&what, |postgres| postgres.note_bases(&bases, closed.epoch).then_some(())).await?;
        }
        let mut minted = Vec::new();
        for (bucket, script) in messages {
            let link = Link { bucket, run: self.run_of(bucket), epoch: closed.epochs[bucket] };
            match world.call(link, script).await? {
                Answer::Minted(id) => minted.push((bucket, id)),
                _ if world.keeps(Rule::ADeliveryMustArrive) => return Err(Refusal::Epoch),
                _ => {}
            }
        }
        Ok(minted)
    }

    /// What a mirror remembers was decided: by homes that are closed here, which may have lost it; and by homes
    /// elsewhere, which may have lost it too, as far as the mirrors here are about to forget it.
    async fn adopt(&self, closed: &Closed) -> Result<()> {
        let world = self.world;
        let mut proofs = Vec::new();
        for mirror in world.layout.buckets() {
            let read = |keys: &Keys| (keys.recent, keys.mirrors);
            let (recent, ends) = world.peek(mirror, self.run_of(mirror), read).await?;
            for (edge, version) in recent.into_iter().enumerate().filter(|(_, version)| *version > 0) {
                let home_is_here = closed.buckets.contains(&world.layout.edges[edge].home);
                let is_adopted = match (home_is_here, closed.buckets.contains(&mirror)) {
                    (true, true) => world.keeps(Rule::AllMirrorsAreRead),
                    (true, false) => closed.rows[mirror].open || world.keeps(Rule::AllMirrorsAreRead),
                    (false, true) => world.keeps(Rule::WhatIsEmptiedIsAdopted),
                    (false, false) => false,
                };
                if is_adopted {
                    proofs.push(Decision { edge, version, end: ends[edge] });
                }
            }
        }
        let what = format!("adopt {proofs:?}");
        world.commit(&what, |postgres| postgres.adopt(&proofs, closed.epochs).then_some(())).await
    }

    async fn clear(&self, closed: &Closed) -> Result<()> {
        for bucket in &closed.buckets {
            self.call(closed, *bucket, Script::Clear).await?;
        }
        Ok(())
    }

    async fn call(&self, closed: &Closed, bucket: usize, script: Script) -> Result<Answer> {
        self.world.call(Link { bucket, run: self.run_of(bucket), epoch: closed.epoch }, script).await
    }

    /// From one snapshot: everything, or what may be missing where all was kept.
    async fn load(&self, closed: &Closed, kept: bool) -> Result<()> {
        let (rows, buckets) = self.world.query(|postgres| (postgres.rows, postgres.buckets)).await?;
        for row in &rows[..self.world.layout.edges.len()] {
            let ends = self.world.layout.edges[row.edge];
            let is_wanted = if kept {
                row.version > buckets[ends.home].relayed && self.world.keeps(Rule::KeepingLoadsWhatIsNotRelayed)
            } else {
                row.version > 0
            };
            if is_wanted && closed.buckets.contains(&ends.home) {
                self.call(closed, ends.home, Script::LoadHome(*row)).await?;
            }
            if is_wanted && closed.buckets.contains(&ends.mirror) {
                self.call(closed, ends.mirror, Script::LoadMirror(*row)).await?;
            }
        }
        Ok(())
    }

    /// What the homes here had not relayed, to mirrors elsewhere. Gives what these minted.
    async fn deliver(&self, closed: &Closed) -> Result<Vec<(usize, u64)>> {
        if !self.world.keeps(Rule::WhatIsNotRelayedIsDelivered) {
            return Ok(Vec::new());
        }
        let (rows, buckets) = self.world.query(|postgres| (postgres.rows, postgres.buckets)).await?;
        let mut deliveries = Vec::new();
        for row in &rows[..self.world.layout.edges.len()] {
            let ends = self.world.layout.edges[row.edge];
            let leaves = closed.buckets.contains(&ends.home) && !closed.buckets.contains(&ends.mirror);
            if leaves && row.version > buckets[ends.home].relayed {
                let version = bucket_of(ends.home).id_at(closed.base_ms);
                deliveries.push((ends.mirror, Script::Deliver(Decision { version, ..*row })));
            }
        }
        self.tell(closed, deliveries).await
    }

    async fn open(&self, closed: &Closed, seen: &[(usize, u64)], run: Option<u64>) -> Result<()> {
        let bases = closed.bases();
        for (bucket, base) in &bases {
            self.call(closed, *bucket, Script::Open { base: *base }).await?;
        }
        let what = format!("open {bases:?}, seen {seen:?}");
        self.world.commit(&what, |postgres| postgres.open(&bases, closed.epochs, seen, run).then_some(())).await
    }
}
