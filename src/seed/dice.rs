//! The random numbers of the demo world: SplitMix64, written out so that a seed means the same world in every release.

#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    /// `stream` keeps independent draws apart: adding a user must not change the videos.
    pub fn new(seed: u64, stream: &str) -> Dice {
        let start = stream.bytes().fold(seed, |hash, byte| scramble(hash ^ u64::from(byte)));
        Dice(start)
    }

    /// A number in `0..bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // The high half of a 128-bit product spreads over the range without a modulo's bias.
        ((u128::from(scramble(self.0)) * bound as u128) >> 64) as usize
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    /// True in `percent` of a hundred throws.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_throws_in_every_release() {
        let mut dice = Dice::new(7, "test");
        let throws: Vec<usize> = (0..6).map(|_| dice.below(1000)).collect();
        assert_eq!(throws, [901, 81, 594, 456, 164, 171]);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..50).collect();
        Dice::new(1, "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
