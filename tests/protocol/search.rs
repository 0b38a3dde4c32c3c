//! Looking for a plan that breaks a promise, and telling it in few words.

use crate::dice::Dice;
use crate::layout::Layout;
use crate::luck::improvise;
use crate::rules::Rules;
use crate::simulation::{Act, Simulation};
use crate::world::World;

/// A plan that broke a promise.
pub struct Broken {
    pub layout: &'static Layout,
    pub rules: Rules,
    pub seed: u64,
    pub plan: Vec<Act>,
    /// That it took to find it, other plans' included.
    pub steps: u64,
    pub how: String,
}

/// Looks for a plan that breaks a promise, in about so many steps.
pub fn search(layout: &'static Layout, rules: Rules, first_seed: u64, steps_max: u64) -> Option<Broken> {
    let mut steps = 0;
    for seed in first_seed.. {
        let mut dice = Dice::new(seed);
        let world = World::new(layout, rules, skews(seed), false);
        let mut simulation = Simulation::new(&world);
        let plan = improvise(&mut simulation, &mut dice);
        steps += simulation.steps;
        drop(simulation);
        if let Some(how) = world.promises.take().broken {
            return Some(Broken { layout, rules, seed, plan, steps, how });
        }
        if steps >= steps_max {
            break;
        }
    }
    None
}

fn skews(seed: u64) -> [u64; 4] {
    let mut dice = Dice::new(!seed);
    std::array::from_fn(|_| dice.below(180) as u64)
}

/// Leaves out what is not needed for a promise to break, and tells the rest.
pub fn shortest_story(broken: &Broken) -> String {
    let mut plan = broken.plan.clone();
    let breaks = |plan: &[Act]| replay(broken, plan, false).0.is_some();
    let mut length = plan.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start < plan.len() {
            let end = (start + length).min(plan.len());
            let shorter = [&plan[..start], &plan[end..]].concat();
            if breaks(&shorter) {
                plan = shorter;
            } else {
                start = end;
            }
        }
        length /= 2;
    }
    let (how, mut story) = replay(broken, &plan, true);
    story.push(format!("BROKEN on {}: {}", broken.layout.name, how.unwrap_or_default()));
    story.push(format!("PROTOCOL_SEED={}", broken.seed));
    story.join("\n")
}

fn replay(broken: &Broken, plan: &[Act], told: bool) -> (Option<String>, Vec<String>) {
    let world = World::new(broken.layout, broken.rules, skews(broken.seed), told);
    let mut simulation = Simulation::new(&world);
    for act in plan {
        simulation.perform(*act);
        if !simulation.is_whole() {
            break;
        }
    }
    drop(simulation);
    (world.promises.take().broken, world.story.take().unwrap_or_default())
}
