//! How much the popular have, and who has it.

/// How steeply it falls from rank to rank: with 200 000 users and two million follows the first has about 10^5.
const STEEPNESS: f64 = 0.9;
const PASSES_MAX: usize = 100;

/// Divides `total` among `n` ranks: nine tenths go to the first tenth, falling as rank^-0.9, and nobody gets more than
/// `cap`. Falls from rank to rank; where caps allow it, adds up to `total`.
pub fn counts(total: usize, n: usize, cap: usize) -> Vec<u32> {
    let mut counts = vec![0_u32; n];
    let top = (n / 10).max(1).min(n);
    let weights: Vec<f64> = (1..=top).map(|rank| (rank as f64).powf(-STEEPNESS)).collect();
    let sum: f64 = weights.iter().sum();
    let cap = cap.min(u32::MAX as usize);
    let mut heavy = total / 10 * 9;
    for _ in 0..PASSES_MAX {
        let pot = heavy;
        for (count, weight) in counts.iter_mut().zip(&weights) {
            let share = (pot as f64 * weight / sum).ceil() as usize;
            let more = share.min(heavy).min(cap - *count as usize);
            *count += more as u32;
            heavy -= more;
        }
        if heavy == 0 || heavy == pot {
            break;
        }
    }
    let mut light = total - total / 10 * 9 + heavy;
    let each = light.div_ceil((n - top).max(1));
    for count in &mut counts[top..] {
        let more = each.min(light).min(cap);
        *count = more as u32;
        light -= more;
    }
    counts.sort_unstable_by(|left, right| right.cmp(left));
    counts
}

/// A place among `n` for each of the places 0 to n - 1, all different and far from each other.
pub fn scatter(place: usize, n: usize) -> usize {
    (place as u128 * stride(n) as u128 % n.max(1) as u128) as usize
}

/// Near the golden section of `n`, and without a common divisor.
fn stride(n: usize) -> usize {
    let mut stride = ((n as f64 * 0.618_034) as usize).max(1);
    while common_divisor(stride, n) > 1 {
        stride += 1;
    }
    stride
}

fn common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_tenth_has_nine_tenths() {
        let counts = counts(5_000_000, 500_000, 100_000);
        let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        assert_eq!(sum(&counts), 5_000_000);
        assert_eq!(counts[0], 100_000);
        assert!((4_450_000..4_550_000).contains(&sum(&counts[..50_000])), "{}", sum(&counts[..50_000]));
        assert!(counts.is_sorted_by(|left, right| left >= right));
    }

    #[test]
    fn nobody_has_more_than_the_cap() {
        let counts = counts(20_000, 2_000, 50);
        assert_eq!(counts[0], 50);
        assert_eq!(counts.iter().sum::<u32>(), 20_000);
    }

    #[test]
    fn every_place_is_taken_once() {
        for n in [1, 2, 3, 10, 1_000, 4_096] {
            let places: HashSet<usize> = (0..n).map(|place| scatter(place, n)).collect();
            assert_eq!(places.len(), n);
        }
    }
}
