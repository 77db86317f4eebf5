//! Sums over many rows that do not depend on threads: rows are summed in blocks, and the blocks in their order.

use std::ops::Range;

use rayon::prelude::*;

use super::{FitContext, FitError};

/// Rows of a block.
const ROWS: usize = 4096;
/// Blocks whose sums are held at the same time.
const WAVE: usize = 16;
/// Numbers held at the same time, if a single block does not have more.
const NUMBERS: usize = 1 << 24;

/// `numbers` sums over `rows` rows. `add` adds a range of rows to sums that begin at 0; it runs on the pool of the fit.
///
/// # Errors
/// [`FitError::Cancelled`].
pub(super) fn sum(
    rows: usize,
    numbers: usize,
    context: &FitContext<'_>,
    add: impl Fn(Range<usize>, &mut [f64]) + Sync,
) -> Result<Vec<f64>, FitError> {
    let part = |rows| {
        let mut part = vec![0.0; numbers];
        add(rows, &mut part);
        part
    };
    let mut sums = vec![0.0; numbers];
    each(rows, numbers, context, part, |part| sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part))?;
    Ok(sums)
}

/// What `part` makes of each block of `rows` rows, at most `numbers` numbers, handed to `take` in the order of the blocks. `part`
/// runs on the pool of the fit.
///
/// # Errors
/// [`FitError::Cancelled`].
pub(super) fn each<P: Send>(
    rows: usize,
    numbers: usize,
    context: &FitContext<'_>,
    part: impl Fn(Range<usize>) -> P + Sync,
    mut take: impl FnMut(P),
) -> Result<(), FitError> {
    let blocks: Vec<usize> = (0..rows).step_by(ROWS).collect();
    for wave in blocks.chunks((NUMBERS / numbers.max(1)).clamp(1, WAVE)) {
        context.check_cancelled()?;
        let parts: Vec<_> = wave.par_iter().map(|&start| part(start..rows.min(start + ROWS))).collect();
        parts.into_iter().for_each(&mut take);
    }
    Ok(())
}
