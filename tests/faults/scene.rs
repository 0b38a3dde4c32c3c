//! One test's stores, servers and load.

use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;

use crate::cast::{Cast, TOKEN_SECRET};
use crate::check;
use crate::harness::{Server, World, eventually, run};
use crate::ledger::Ledger;
use crate::load::{Load, Shared};
use crate::looks::LAG_BETWEEN_SERVERS;

/// Nothing waits long: what a dead request left is completed at once, lists are shown whole.
const SETTINGS: [(&str, &str); 6] = [
    ("ffmpeg", "/nonexistent/ffmpeg"),
    ("list_max", "10000"),
    ("pending_after_ms", "500"),
    ("header_timeout_ms", "600000"),
    ("token_secret", TOKEN_SECRET),
    ("log", "info,riffle::sync::flush=debug"),
];
const FLUSHES: &str = "this server flushes the outbox";

pub struct Scene {
    pub world: World,
    pub servers: Vec<Server>,
    pub load: Load,
    pub random: StdRng,
    settings: Vec<(String, String)>,
}

impl Scene {
    pub async fn begin(world: World, random: StdRng, servers: usize) -> Scene {
        Scene::begin_with(world, random, servers, &[]).await
    }

    /// The first of the servers is the one that flushes.
    pub async fn begin_with(world: World, mut random: StdRng, servers: usize, settings: &[(&str, &str)]) -> Scene {
        let mut ledger = Ledger::new();
        let cast = Cast::plant(&world, &mut ledger).await;
        let settings: Vec<(String, String)> =
            SETTINGS.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut running = vec![start(&world, &settings).await];
        until_it_flushes(&running[0]).await;
        while running.len() < servers {
            running.push(start(&world, &settings).await);
        }
        let addresses = running.iter().map(Server::address).collect();
        let shared = Arc::new(Shared::new(cast, ledger, addresses));
        let load = Load::start(&shared, &mut random);
        let scene = Scene { world, servers: running, load, random, settings };
        scene.load.goes_well().await;
        scene
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.load.shared
    }

    /// SIGKILL for a server, and another one in its place.
    pub async fn replace_server(&mut self, place: usize) {
        self.servers[place].kill().await;
        self.start_server(place).await;
    }

    /// A server in the place of one that is gone.
    pub async fn start_server(&mut self, place: usize) {
        self.servers[place] = start(&self.world, &self.settings).await;
        self.shared().servers.lock().unwrap()[place] = self.servers[place].address();
    }

    pub async fn until_ready(&self) {
        for server in &self.servers {
            let ready = async || server.client().is_ready().await.then_some(());
            eventually("a server to be ready again", ready).await;
        }
    }

    /// The fault has passed. All has to be well by itself, and everything has to be there.
    pub async fn end(self) {
        self.until_ready().await;
        self.load.goes_well().await;
        let Scene { world, servers, load, .. } = self;
        let shared = load.shared.clone();
        load.stop().await;
        let stopped = Instant::now();

        let drained = run(&world, &["flush"], &[]).await;
        assert!(drained.status.success(), "{drained:#?}");
        let sql = "select (select count(*) from users where version = 0)
                       + (select count(*) from videos where version = 0)";
        let completed = async || (world.sql_number(sql).await == 0).then_some(());
        eventually("what dead requests left to be completed", completed).await;
        // From then on every server shows what was done through the other.
        let seen_by_all = async || (stopped.elapsed() > LAG_BETWEEN_SERVERS).then_some(());
        eventually("changes to be seen through every server", seen_by_all).await;
        for server in &servers {
            check::everything(&world, server, &shared).await;
        }
        assert_eq!(world.sql_number("select count(*) from dead_letter").await, 0);
        let verified = run(&world, &["verify"], &[]).await;
        assert!(verified.status.success(), "{verified:#?}");
        let ledger = shared.ledger.lock().unwrap();
        println!("{} changes done, {} unknown", ledger.done, ledger.unknown);
    }
}

pub async fn until_it_flushes(server: &Server) {
    eventually("a server to flush", async || server.stderr().contains(FLUSHES).then_some(())).await;
}

async fn start(world: &World, settings: &[(String, String)]) -> Server {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Server::start(world, &settings).await
}
