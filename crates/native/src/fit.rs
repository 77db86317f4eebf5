//! What a fit takes and gives, and its rounds.

use crate::NativeError;

/// Rows to learn from or to measure on.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The values, row after row; NaN is a missing one.
    pub values: &'a [f64],
    /// How many values a row has.
    pub columns: usize,
    /// One for each row.
    pub labels: &'a [f64],
    /// How much each row counts, if not once.
    pub weights: Option<&'a [f64]>,
}

/// How to fit.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// The rows to learn from.
    pub training: Rows<'a>,
    /// Rows that say when to stop.
    pub validation: Option<Rows<'a>>,
    /// Parameters by the library's names; one of them names the one metric that is measured.
    pub parameters: &'a [(&'a str, String)],
    /// Most rounds.
    pub rounds: usize,
    /// Rounds without a lower metric on the validation rows after which the fit stops and keeps the best; 0 is endless.
    pub patience: usize,
    /// How many of the first training rows are scored with the model that is kept.
    pub scored: usize,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// From 1 on.
    pub number: usize,
    /// The metric on the training rows, if it was wanted.
    pub training: Option<f64>,
    /// The metric on the validation rows.
    pub validation: Option<f64>,
}

/// What is to be done after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next one.
    Continue,
    /// Nothing: the fit is no longer wanted.
    Cancel,
}

/// Hears of the rounds of a fit.
pub trait Follow {
    /// Whether to measure the next round on the training rows, which takes a pass over them.
    fn wants_metric(&self) -> bool;

    /// A round is done.
    fn hear(&mut self, round: Round) -> Flow;
}

/// What a fit came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model as the library writes it: LightGBM's text, XGBoost's UBJ.
    pub model: Vec<u8>,
    /// How many rounds were kept.
    pub rounds: usize,
    /// The margins of the rows that were to be scored, by the library itself: one for each class, row after row.
    pub margins: Vec<f64>,
}

impl Rows<'_> {
    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.labels.len()
    }

    /// That the library is told no wrong lengths.
    fn check(&self) -> Result<(), NativeError> {
        let (rows, columns) = (self.count(), self.columns);
        let fits = rows.checked_mul(columns) == Some(self.values.len())
            && self.weights.is_none_or(|weights| weights.len() == rows)
            && [rows, columns].iter().all(|count| i32::try_from(*count).is_ok());
        if fits { Ok(()) } else { Err(NativeError::Shape { rows, columns }) }
    }

    /// The first `count` rows.
    pub(crate) fn first(&self, count: usize) -> Self {
        let count = count.min(self.count());
        Self { values: &self.values[..count * self.columns], labels: &self.labels[..count], ..*self }
    }
}

/// Which rows to measure on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Those that are learned from.
    Training,
    /// Those that say when to stop.
    Validation,
}

/// A fit under way in a library.
pub(crate) trait Booster {
    /// Adds the trees of round `number`, from 1 on; whether there were any to add.
    fn update(&mut self, number: usize) -> Result<bool, NativeError>;

    /// The metric after round `number`, on the rows of each of `parts`.
    fn metrics(&mut self, number: usize, parts: &[Part]) -> Result<Vec<f64>, NativeError>;

    /// The model of the first `rounds` rounds, and the margins it gives `rows`.
    fn finish(&mut self, rounds: usize, rows: Rows<'_>) -> Result<(Vec<u8>, Vec<f64>), NativeError>;
}

impl Fit<'_> {
    /// That all lengths fit together.
    pub(crate) fn check(&self) -> Result<(), NativeError> {
        self.training.check()?;
        match &self.validation {
            Some(rows) if rows.columns != self.training.columns => {
                Err(NativeError::Shape { rows: rows.count(), columns: rows.columns })
            }
            Some(rows) => rows.check(),
            None => Ok(()),
        }
    }

    /// Goes through the rounds.
    pub(crate) fn run(&self, booster: &mut impl Booster, follow: &mut dyn Follow) -> Result<Fitted, NativeError> {
        let (mut best, mut lowest, mut done) = (0, f64::INFINITY, 0);
        while done < self.rounds && booster.update(done + 1)? {
            done += 1;
            let training = follow.wants_metric().then_some(Part::Training);
            let parts: Vec<_> = training.into_iter().chain(self.validation.map(|_| Part::Validation)).collect();
            let mut found = if parts.is_empty() { Vec::new() } else { booster.metrics(done, &parts)? }.into_iter();
            let training = training.and_then(|_| found.next());
            let validation = found.next();
            if let Some(metric) = validation.filter(|metric| *metric < lowest) {
                (best, lowest) = (done, metric);
            }
            if follow.hear(Round { number: done, training, validation }) == Flow::Cancel {
                return Err(NativeError::Cancelled);
            }
            let is_over = self.patience > 0 && validation.is_some() && done - best >= self.patience;
            if is_over {
                break;
            }
        }
        let rounds = if self.patience > 0 && best > 0 { best } else { done };
        let (model, margins) = booster.finish(rounds, self.training.first(self.scored))?;
        Ok(Fitted { model, rounds, margins })
    }
}
