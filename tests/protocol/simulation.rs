//! Carrying out a plan: who has the next turn, what goes wrong. The same plan leads to the same story.

use std::pin::Pin;
use std::task::{Context, Waker};

use crate::promises::{check_quiet, forgive};
use crate::world::{Link, Result, SERVERS, Turn, World};
use crate::{admission, flusher, handler};

pub const HANDLERS: usize = 3;
pub const READERS: usize = 2;
pub const FLUSHERS_BEGIN: usize = HANDLERS + READERS;
pub const GATES_BEGIN: usize = FLUSHERS_BEGIN + SERVERS;
pub const ACTORS: usize = GATES_BEGIN + SERVERS;
/// All that is left to do when nothing goes wrong any more takes fewer.
const STEPS_TO_REST_MAX: usize = 30_000;

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Step {
        actor: usize,
        whim: usize,
    },
    /// The answer is lost.
    Unheard {
        actor: usize,
        whim: usize,
    },
    /// Whoever waits for the answer is gone.
    Stop {
        actor: usize,
    },
    /// All actors of a server are gone; what they have sent may still arrive.
    Crash {
        server: usize,
    },
    Restart {
        node: usize,
        lost_writes: usize,
    },
    Replace {
        node: usize,
    },
    /// FLUSHALL
    Empty {
        node: usize,
    },
    Wait {
        ms: u64,
    },
    /// No more requests and faults, until nothing is left to do; then the promises are checked.
    Rest,
}

type Actor<'w> = Pin<Box<dyn Future<Output = Result<()>> + 'w>>;

pub struct Simulation<'w> {
    pub world: &'w World,
    actors: Vec<Option<Actor<'w>>>,
    /// These have one more step to do.
    dying: [bool; ACTORS],
    pub steps: u64,
}

pub fn name(actor: usize) -> String {
    let (word, number) = match actor {
        0..HANDLERS => ("handler", actor),
        HANDLERS..FLUSHERS_BEGIN => ("reader", actor - HANDLERS),
        FLUSHERS_BEGIN..GATES_BEGIN => ("flusher", actor - FLUSHERS_BEGIN),
        GATES_BEGIN..ACTORS => ("gate", actor - GATES_BEGIN),
        _ => return String::new(),
    };
    format!("{word} {number}")
}

/// Of which server.
pub fn server_of(actor: usize) -> usize {
    let first = [0, HANDLERS, FLUSHERS_BEGIN, GATES_BEGIN].into_iter().rfind(|first| *first <= actor).unwrap_or(0);
    (actor - first) % SERVERS
}

impl<'w> Simulation<'w> {
    pub fn new(world: &'w World) -> Simulation<'w> {
        Simulation { world, actors: (0..ACTORS).map(|_| None).collect(), dying: [false; ACTORS], steps: 0 }
    }

    pub fn is_whole(&self) -> bool {
        if let Some(how) = self.world.postgres.borrow_mut().broken.take() {
            self.world.promises.borrow_mut().break_one(|| how);
        }
        self.world.promises.borrow().broken.is_none()
    }

    pub fn perform(&mut self, act: Act) {
        if !matches!(act, Act::Step { .. } | Act::Unheard { .. } | Act::Wait { .. }) {
            self.world.turn.set(Turn { actor: ACTORS, whim: 1, heard: true });
            self.world.say(|| format!("{act:?}"));
        }
        match act {
            Act::Step { actor, whim } => self.step(actor, whim, true),
            Act::Unheard { actor, whim } => self.step(actor, whim, false),
            Act::Stop { actor } => self.stop(actor),
            Act::Crash { server } => {
                self.world.admissions.borrow_mut()[server] = Default::default();
                for actor in (0..ACTORS).filter(|actor| server_of(*actor) == server) {
                    self.dying[actor] = self.actors[actor].is_some();
                }
            }
            Act::Restart { node, lost_writes } => {
                self.world.restart(node, lost_writes);
                forgive(self.world);
            }
            Act::Replace { node } => {
                self.world.restart(node, 0);
                self.world.empty(node);
                forgive(self.world);
            }
            Act::Empty { node } => {
                self.world.empty(node);
                forgive(self.world);
            }
            Act::Wait { ms } => self.world.now_ms.set(self.world.now_ms.get() + ms),
            Act::Rest => self.rest(),
        }
    }

    pub fn is_busy(&self, actor: usize) -> bool {
        self.actors[actor].is_some()
    }

    fn step(&mut self, actor: usize, whim: usize, heard: bool) {
        self.steps += 1;
        let is_dying = std::mem::take(&mut self.dying[actor]);
        self.world.turn.set(Turn { actor, whim, heard: heard && !is_dying });
        let started = self.actors[actor].is_none();
        let future = self.actors[actor].get_or_insert_with(|| start(self.world, actor, whim));
        let is_done = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if is_done || (is_dying && !started) {
            self.stop(actor);
        }
    }

    fn stop(&mut self, actor: usize) {
        self.actors[actor] = None;
        self.dying[actor] = false;
        let lock = &mut self.world.postgres.borrow_mut().recovery_lock;
        if *lock == Some(actor) {
            *lock = None;
        }
    }

    /// Everybody in turn, one step each.
    fn rest(&mut self) {
        for round in 0..STEPS_TO_REST_MAX / ACTORS {
            if !self.is_whole() {
                return;
            }
            if self.is_at_rest() {
                return check_quiet(self.world);
            }
            self.perform(Act::Wait { ms: 1 });
            for actor in 0..ACTORS {
                if actor >= FLUSHERS_BEGIN || self.actors[actor].is_some() {
                    // Odd: nobody wants anything unusual.
                    self.step(actor, 2 * round + 1, true);
                }
            }
        }
        self.world.promises.borrow_mut().break_one(|| "it never comes to rest".into());
    }

    fn is_at_rest(&self) -> bool {
        let world = self.world;
        let nodes = world.nodes.borrow();
        let rows = world.postgres.borrow().buckets;
        let gates_and_requests = self.actors[..FLUSHERS_BEGIN].iter().chain(&self.actors[GATES_BEGIN..]);
        gates_and_requests.flatten().next().is_none()
            && world.layout.buckets().all(|bucket| {
                let keys = &nodes[world.layout.node_of[bucket]].keys[bucket];
                let row = rows[bucket];
                let is_linked = |server: usize| {
                    world.link(server, bucket)
                        == Some(Link { bucket, run: nodes[world.layout.node_of[bucket]].run, epoch: row.epoch })
                };
                keys.head.is_some_and(|head| head.open && head.epoch == row.epoch)
                    && row.open
                    && keys.outbox.iter().all(|entry| entry.version <= row.relayed)
                    && (0..SERVERS).all(is_linked)
            })
    }
}

fn start(world: &World, actor: usize, whim: usize) -> Actor<'_> {
    let server = server_of(actor);
    let edge = whim / 2 % world.layout.edges.len();
    let is_odd = whim % 2 == 1;
    match actor {
        0..HANDLERS => Box::pin(handler::set_edge(world, server, edge, is_odd)),
        HANDLERS..FLUSHERS_BEGIN => Box::pin(handler::look(world, server, edge, is_odd)),
        FLUSHERS_BEGIN..GATES_BEGIN => Box::pin(flusher::serve(world, server)),
        _ => Box::pin(admission::gate(world, server, actor)),
    }
}
