//! Luck: a plan is drawn up while it is carried out.

use std::ops::Range;

use crate::dice::Dice;
use crate::layout::EDGES;
use crate::simulation::{ACTORS, Act, FLUSHERS_BEGIN, GATES_BEGIN, HANDLERS, Simulation, server_of};
use crate::world::SERVERS;

/// Flushers and gates have more steps to do: they are asked more often.
const TURNS: [usize; 17] = [0, 1, 2, 3, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8];

/// How a stretch of time is: each is different, as what breaks the one rule hardly ever breaks the other.
struct Mood {
    faults_one_in: usize,
    /// Lost answers and lost actors.
    mishaps_one_in: usize,
    /// Whoever had a turn sleeps for a while.
    naps_one_in: usize,
    nap_max: usize,
    /// Whoever had a turn goes on, in so many of ten cases.
    haste: usize,
    dramas_one_in: usize,
    /// All requests want the same edge.
    edge: Option<usize>,
    /// These nap often, and long.
    drowsy: Range<usize>,
}

impl Mood {
    fn new(dice: &mut Dice) -> Mood {
        Mood {
            faults_one_in: [60, 200, 600, 2_000][dice.below(4)],
            mishaps_one_in: [30, 100, 1_000][dice.below(3)],
            naps_one_in: [8, 30, 200][dice.below(3)],
            nap_max: [60, 300, 1_000][dice.below(3)],
            haste: [0, 5, 8, 9][dice.below(4)],
            dramas_one_in: [40, 150, 10_000][dice.below(3)],
            edge: [None, Some(dice.below(EDGES))][dice.below(2)],
            drowsy: [0..0, 0..HANDLERS, FLUSHERS_BEGIN..GATES_BEGIN, GATES_BEGIN..ACTORS][dice.below(4)].clone(),
        }
    }
}

/// Somebody sleeps, something happens to a node, and a gate hurries to bring it in order: as far as luck wants, or until
/// it is done. Then the one who slept goes on.
struct Drama {
    victim: usize,
    gate: usize,
    until: usize,
    is_whole_story: bool,
}

impl Drama {
    fn begin(simulation: &Simulation, dice: &mut Dice, time: usize) -> Drama {
        let is_busy = |actor: &usize| simulation.is_busy(*actor) && !(HANDLERS..FLUSHERS_BEGIN).contains(actor);
        let busy: Vec<usize> = (0..ACTORS).filter(is_busy).collect();
        let victim = if busy.is_empty() { 0 } else { busy[dice.below(busy.len())] };
        let gates = [GATES_BEGIN, GATES_BEGIN + 1];
        let free: Vec<usize> = gates.into_iter().filter(|gate| *gate != victim).collect();
        let gate = free[dice.below(free.len())];
        let is_whole_story = dice.one_in(2);
        let until = time + if is_whole_story { 400 } else { 2 + dice.below(60) };
        Drama { victim, gate, until, is_whole_story }
    }

    fn is_over(&self, simulation: &Simulation, time: usize) -> bool {
        let world = simulation.world;
        let link = |bucket| world.link(server_of(self.gate), bucket);
        let is_linked = |bucket| link(bucket).is_some_and(|link| link.run == world.run_of(bucket));
        let is_done = || !simulation.is_busy(self.gate) && world.layout.buckets().all(is_linked);
        time >= self.until || (self.is_whole_story && is_done())
    }
}

/// Draws up a plan and carries it out, until a promise is broken or to its end.
pub fn improvise(simulation: &mut Simulation, dice: &mut Dice) -> Vec<Act> {
    let mut plan = Vec::new();
    for _ in 0..1 + dice.below(4) {
        let mood = Mood::new(dice);
        let mut asleep_until = [0; ACTORS];
        let mut last = 0;
        let mut drama: Option<Drama> = None;
        for time in 0..100 + dice.below(1_500) {
            if let Some(Drama { victim, .. }) = drama.take_if(|drama| drama.is_over(simulation, time)) {
                asleep_until[victim] = time;
                last = victim;
            }
            let actor = match &drama {
                Some(drama) if !dice.one_in(8) => drama.gate,
                _ if dice.below(10) < mood.haste => last,
                _ => TURNS[dice.below(TURNS.len())],
            };
            if asleep_until[actor] > time {
                last = TURNS[dice.below(TURNS.len())];
                continue;
            }
            last = actor;
            if mood.drowsy.contains(&actor) && dice.one_in(6) {
                asleep_until[actor] = time + 1 + dice.below(600);
            } else if dice.one_in(mood.naps_one_in) && drama.is_none() {
                asleep_until[actor] = time + 1 + dice.below(mood.nap_max);
            }
            let danger = if simulation.world.relied_on.get() { 10 } else { 1 };
            let act = if drama.is_none() && dice.below(mood.dramas_one_in) < danger {
                let begun = Drama::begin(simulation, dice, time);
                asleep_until[begun.victim] = usize::MAX;
                asleep_until[begun.gate] = time;
                drama = Some(begun);
                fault(simulation, dice)
            } else {
                invent(simulation, dice, &mood, actor)
            };
            plan.push(act);
            simulation.perform(act);
            if !simulation.is_whole() {
                return plan;
            }
        }
        plan.push(Act::Rest);
        simulation.perform(Act::Rest);
        if !simulation.is_whole() {
            return plan;
        }
    }
    plan
}

fn invent(simulation: &Simulation, dice: &mut Dice, mood: &Mood, actor: usize) -> Act {
    let danger = if simulation.world.relied_on.take() { 10 } else { 1 };
    if dice.below(mood.faults_one_in) < danger {
        return fault(simulation, dice);
    }
    match dice.below(1_000) {
        0 => return Act::Wait { ms: 15_000 },
        1..250 => return Act::Wait { ms: 1 + dice.below(3) as u64 },
        _ => {}
    }
    let whim = match mood.edge {
        Some(edge) if actor < FLUSHERS_BEGIN => 2 * edge + dice.below(2),
        _ => dice.below(960),
    };
    match dice.below(2 * mood.mishaps_one_in) {
        0 => Act::Unheard { actor, whim },
        1 => Act::Stop { actor },
        _ => Act::Step { actor, whim },
    }
}

fn fault(simulation: &Simulation, dice: &mut Dice) -> Act {
    let node = dice.below(simulation.world.layout.nodes().len());
    match dice.below(10) {
        0..2 => Act::Restart { node, lost_writes: 0 },
        2 => Act::Restart { node, lost_writes: 1 },
        3 => Act::Restart { node, lost_writes: 2 },
        4 => Act::Restart { node, lost_writes: 1 + dice.below(6) },
        5 => Act::Restart { node, lost_writes: 1 + dice.below(50) },
        6 => Act::Replace { node },
        7 => Act::Empty { node },
        _ => Act::Crash { server: dice.below(SERVERS) },
    }
}
