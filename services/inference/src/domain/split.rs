//! Split: which alias of a slot answers a request that asks for no version.

use lineal_kernel::{Digest, Share, Slot};

/// The place of a request in the line along which the aliases' shares lie, in thousandths of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// How many places there are.
    pub(crate) const COUNT: u32 = Share::ALL.per_mille();

    /// The place with this number, counted from 0.
    pub(crate) fn new(number: u32) -> Self {
        Self(number % Self::COUNT)
    }

    /// The place of a sticky key: always the same in a slot, and of another slot no hint.
    pub(crate) fn of_key(model: &str, slot: &Slot, key: &str) -> Self {
        // A name and a slot hold no line feed, so no two triples read the same.
        let hex = Digest::of(format!("{model}\n{slot}\n{key}").as_bytes()).hex();
        let hash = u64::from_str_radix(&hex[..16], 16).unwrap_or_default();
        Self((hash % u64::from(Self::COUNT)) as u32)
    }

    /// Which of the `shares`, laid one after the other from the beginning of the line, covers the place; none if it lies behind them.
    pub(crate) fn covered_by(self, shares: impl IntoIterator<Item = Share>) -> Option<usize> {
        let ends = shares.into_iter().scan(0, |end, share| {
            *end += share.per_mille();
            Some(*end)
        });
        ends.enumerate().find(|(_, end)| self.0 < *end).map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arms(per_mille: &[u32]) -> Vec<Option<usize>> {
        let shares: Vec<_> = per_mille.iter().map(|share| Share::new(*share).unwrap()).collect();
        let place = |key| Place::of_key("churn", &Slot::default(), &format!("customer-{key}"));
        (0..10_000).map(|key| place(key).covered_by(shares.iter().copied())).collect()
    }

    /// The chi-square statistic of how many keys each arm got; the champion gets what the shares leave.
    fn chi_square(per_mille: &[u32]) -> f64 {
        let found = arms(per_mille);
        let left = Share::ALL.per_mille() - per_mille.iter().sum::<u32>();
        let arms = per_mille.iter().enumerate().map(|(i, share)| (Some(i), *share)).chain([(None, left)]);
        let term = |(arm, share): (Option<usize>, u32)| {
            let expected = f64::from(share) * found.len() as f64 / 1000.0;
            let count = found.iter().filter(|found| **found == arm).count() as f64;
            (count - expected).powi(2) / expected
        };
        arms.map(term).sum()
    }

    #[test]
    fn ten_thousand_keys_are_split_as_the_shares_say() {
        // F140: quantiles of the chi-square distribution at 0.999 with 1 and 2 degrees of freedom
        for (shares, limit) in [(&[100][..], 10.828), (&[500], 10.828), (&[10], 10.828), (&[100, 300], 13.816)] {
            let found = chi_square(shares);
            assert!(found < limit, "{shares:?}: {found}");
        }
    }

    #[test]
    fn a_share_that_grows_takes_keys_in_and_lets_none_go() {
        // F140
        let steps = [0, 10, 100, 101, 500, 1000].map(|share| arms(&[share]));
        for pair in steps.windows(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(before, after)| before.is_none() || after == before));
        }
        assert!(steps[0].iter().all(Option::is_none) && steps[5].iter().all(Option::is_some));
    }

    #[test]
    fn a_key_says_nothing_of_its_place_in_another_slot() {
        let slots = ["", "regime=calm"].map(|slot| Slot::parse(slot).unwrap());
        let places = |slot| (0..1000).map(move |key| Place::of_key("churn", slot, &format!("{key}")));
        let same = places(&slots[0]).zip(places(&slots[1])).filter(|(one, other)| one == other).count();
        assert!(same < 10, "{same} of 1000 places are the same");
    }
}
