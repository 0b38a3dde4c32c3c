//! A few stars and many small ones.

use super::dice::Dice;

/// Draws by Zipf's law: the n-th in rank comes up 1/n as often as the first.
pub struct Ranking {
    /// Indices, the highest in rank first.
    ranking: Vec<usize>,
    /// Sums of the weights up to each rank.
    sums: Vec<u64>,
}

impl Ranking {
    pub fn new(dice: &mut Dice, count: usize) -> Ranking {
        let mut ranking: Vec<usize> = (0..count).collect();
        dice.shuffle(&mut ranking);
        let sums = (1..=count as u64).scan(0, |sum, rank| {
            *sum += 1_000_000_000 / rank;
            Some(*sum)
        });
        Ranking { sums: sums.collect(), ranking }
    }

    /// An index below the count, which must not be 0.
    pub fn pick(&self, dice: &mut Dice) -> usize {
        let total = self.sums.last().copied().unwrap_or(0);
        let drawn = dice.below(total as usize) as u64;
        self.ranking[self.sums.partition_point(|sum| *sum <= drawn)]
    }
}
