//! The load: as many clients as there are people, until it is told to stop.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::cast::{Cast, PEOPLE};
use crate::client::Client;
use crate::harness::{Account, eventually};
use crate::ledger::Ledger;

/// A test that fails says why; the first few reasons are enough.
const FAILURES_MAX: usize = 5;
/// So many changes have to succeed after a fault before the service counts as well.
const DONE_AGAIN: u64 = 200;

pub struct Shared {
    pub cast: Arc<Cast>,
    pub ledger: Mutex<Ledger>,
    /// Where the servers listen at present.
    pub servers: Mutex<Vec<SocketAddr>>,
    /// Who registered meanwhile, by the number in the name.
    pub born: Mutex<Vec<(u64, Account)>>,
    pub stop: AtomicBool,
    /// Clients have hung up and ask nothing.
    pub rest: AtomicBool,
    failures: Mutex<Vec<String>>,
}

impl Shared {
    pub fn new(cast: Cast, ledger: Ledger, servers: Vec<SocketAddr>) -> Shared {
        Shared {
            cast: Arc::new(cast),
            ledger: Mutex::new(ledger),
            servers: Mutex::new(servers),
            born: Mutex::default(),
            stop: AtomicBool::new(false),
            rest: AtomicBool::new(false),
            failures: Mutex::default(),
        }
    }

    pub fn fail(&self, failure: String) {
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < FAILURES_MAX {
            failures.push(failure);
        }
    }

    pub fn assert_no_failures(&self) {
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    fn done(&self) -> u64 {
        self.ledger.lock().unwrap().done
    }
}

pub struct Load {
    pub shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Load {
    pub fn start(shared: &Arc<Shared>, random: &mut StdRng) -> Load {
        let mut clients = JoinSet::new();
        for place in 0..PEOPLE {
            let random = StdRng::seed_from_u64(random.random());
            clients.spawn(Client::new(place, shared.clone(), random).act());
        }
        Load { shared: shared.clone(), clients }
    }

    /// Waits until changes succeed, by nobody's hand.
    pub async fn goes_well(&self) {
        let before = self.shared.done();
        eventually("changes to succeed", async || {
            self.shared.assert_no_failures();
            (self.shared.done() >= before + DONE_AGAIN).then_some(())
        })
        .await;
    }

    /// Has all clients hang up until they are to go on.
    pub fn rest(&self, rest: bool) {
        self.shared.rest.store(rest, Ordering::Relaxed);
    }

    pub async fn stop(mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.shared.assert_no_failures();
    }
}
