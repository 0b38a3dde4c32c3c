//! What became slower between two runs. Machines have phases, so what counts is the share of the raw limit of the same
//! rounds, and that the rounds of both runs lie apart.

use std::path::Path;

use crate::Result;
use crate::results::{Closed, Results};

/// A change of the ratio below this is noise.
const NOISE: f64 = 0.05;

#[derive(Debug, PartialEq, Clone, Copy)]
enum Verdict {
    Slower,
    Faster,
    Same,
}

/// Prints a line for each scenario that changed; true if none became slower.
pub fn compare(old: &Path, new: &Path) -> Result<bool> {
    let (old, new) = (read(old)?, read(new)?);
    if old.scale != new.scale || old.machine.cpu != new.machine.cpu || old.machine.cores != new.machine.cores {
        println!("of another scale or machine: {} {} / {} {}", old.scale, old.machine.cpu, new.scale, new.machine.cpu);
    }
    let mut slower = 0;
    for scenario in &new.scenarios {
        let Some(before) = old.scenarios.iter().find(|before| before.name == scenario.name) else { continue };
        for closed in &scenario.closed {
            let Some(before) = before.closed.iter().find(|before| before.connections == closed.connections) else {
                continue;
            };
            let verdict = judge(before, closed);
            slower += usize::from(verdict == Verdict::Slower);
            if verdict != Verdict::Same {
                println!(
                    "{:<7} {:<15} {:>4} connections: {:.2} of the limit, was {:.2}; {:.1} µs of CPU, was {:.1}; {:.0}/s, was {:.0}",
                    format!("{verdict:?}").to_lowercase(),
                    scenario.name,
                    closed.connections,
                    closed.ratio(),
                    before.ratio(),
                    closed.riffle_us(),
                    before.riffle_us(),
                    closed.riffle_rate(),
                    before.riffle_rate()
                );
            }
        }
    }
    println!("{} against {}: {slower} slower", new.commit, old.commit);
    Ok(slower == 0)
}

fn read(path: &Path) -> Result<Results> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn judge(before: &Closed, after: &Closed) -> Verdict {
    let (old, new) = (before.ratios(), after.ratios());
    let least = |ratios: &[f64]| ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |ratios: &[f64]| ratios.iter().copied().fold(0.0, f64::max);
    let change = after.ratio() / before.ratio();
    if change < 1.0 - NOISE && most(&new) < least(&old) {
        Verdict::Slower
    } else if change > 1.0 + NOISE && least(&new) > most(&old) {
        Verdict::Faster
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Figure;

    fn closed(riffle: [f64; 3]) -> Closed {
        let figure = |rate: f64| Figure { rate, server_us: 1.0, redis_us: 0.0, postgres_us: 0.0 };
        Closed { connections: 64, riffle: riffle.map(figure).into(), limit: [100.0; 3].map(figure).into() }
    }

    #[test]
    fn only_rounds_that_lie_apart_are_a_change() {
        let before = closed([80.0, 82.0, 78.0]);
        assert_eq!(judge(&before, &closed([70.0, 71.0, 69.0])), Verdict::Slower);
        assert_eq!(judge(&before, &closed([70.0, 90.0, 69.0])), Verdict::Same);
        assert_eq!(judge(&before, &closed([77.0, 77.5, 77.0])), Verdict::Same);
        assert_eq!(judge(&before, &closed([90.0, 91.0, 95.0])), Verdict::Faster);
    }
}
