//! Random draws of a fit.

/// Steele, Lea and Flood's SplitMix64. Our own ten lines, so that a seed draws the same rows in every release.
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`, by Lemire's multiplication; `end` is far below 2^64, so all are as good as equally
    /// likely.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// About `share` of the rows, in order; all of them if the draw was empty.
    pub(super) fn rows(&mut self, rows: usize, share: f64) -> Vec<u32> {
        if share >= 1.0 {
            return (0..rows as u32).collect();
        }
        let drawn: Vec<u32> = (0..rows as u32).filter(|_| (self.next() as f64) < share * 2f64.powi(64)).collect();
        if drawn.is_empty() { (0..rows as u32).collect() } else { drawn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut draws = SplitMix64(1_234_567);
        assert_eq!(draws.next(), 6_457_827_717_110_365_317);
        assert_eq!(draws.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_take_their_share_and_are_never_empty() {
        let mut draws = SplitMix64(7);
        let drawn = draws.rows(10_000, 0.3).len();
        assert!((2_800..3_200).contains(&drawn), "{drawn}");
        assert_eq!(draws.rows(5, 1.0), [0, 1, 2, 3, 4]);
        assert!((0..100).all(|_| !draws.rows(1, 0.01).is_empty()));
    }

    #[test]
    fn numbers_below_an_end_are_about_equally_many() {
        let mut draws = SplitMix64(7);
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[draws.below(5)] += 1);
        assert!(counts.iter().all(|count| (1_850..2_150).contains(count)), "{counts:?}");
    }
}
