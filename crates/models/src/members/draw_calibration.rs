//! Draw calibration: the draw probability of a goals model, corrected by two numbers.
//!
//! `p' = 1 / (1 + exp(-(A logit(p) + B)))`, where A = 1 and B = 0 change nothing; A and B are the maximum likelihood.
//! What is left goes to both sides in proportion to their probabilities.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{
    Member, MemberDescription, MemberError, MemberFamily, MemberFitError, MemberRows, OUTCOME, Output, OutputColumn,
    Upstream, Upstreams,
    member::{Evaluate, check_numbers, transpose},
    newton::{self, Watch},
    sigmoid,
    upstream::{LARGEST, MATCH_CLASSES},
};
use crate::{Hyperparameters, Link, Progress, SignatureColumn};

/// Probabilities are kept this far from 0 and 1, whose logits are infinite.
const MARGIN: f64 = 1e-12;

pub(super) struct DrawCalibrationFamily;

const DESCRIPTION: MemberDescription = MemberDescription {
    name: "draw_calibration",
    title: "Draw calibration",
    columns: &[OUTCOME],
    upstreams: Upstreams::One,
    hyperparameters: &[newton::MAX_ITERATIONS, newton::TOLERANCE],
};

/// Two numbers that correct a draw probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawCalibration {
    upstream: Upstream,
    a: f64,
    b: f64,
}

impl MemberFamily for DrawCalibrationFamily {
    fn describe(&self) -> MemberDescription {
        DESCRIPTION
    }

    fn fit(
        &self,
        data: &MemberRows<'_>,
        params: &Hyperparameters,
        progress: &dyn Progress,
    ) -> Result<Member, MemberFitError> {
        DESCRIPTION.upstreams.check(DESCRIPTION.name, data)?;
        let upstream = data.upstreams[0].clone();
        upstream.check_classes(&MATCH_CLASSES.map(String::from))?;
        let draws = upstream.probabilities(data.rows)?[1];
        let logits: Vec<f64> = draws.iter().map(|p| logit(*p)).collect();
        let drawn: Vec<f64> = data.outcomes(&upstream.classes)?.iter().map(|class| f64::from(*class == 1)).collect();
        let mut watch = Watch::new(progress, params.integer(newton::MAX_ITERATIONS.name)?);
        let [a, b] = sigmoid::fit(&logits, &drawn, params, &mut watch)?;
        Ok(Member::DrawCalibration(DrawCalibration { upstream, a, b }))
    }
}

impl DrawCalibration {
    /// What the logit of the draw probability is multiplied by.
    pub fn a(&self) -> f64 {
        self.a
    }

    /// What is then added.
    pub fn b(&self) -> f64 {
        self.b
    }

    fn correct(&self, home: f64, draw: f64, away: f64) -> Vec<f64> {
        let draw = Link::Logit.score(self.a * logit(draw) + self.b);
        // Where the upstream is sure of a draw, nothing says how to part the rest.
        let share = if home + away > 0.0 { home / (home + away) } else { 0.5 };
        vec![(1.0 - draw) * share, draw, (1.0 - draw) * (1.0 - share)]
    }
}

impl Evaluate for DrawCalibration {
    fn check(&self) -> Result<(), MemberError> {
        if self.upstream.classes != MATCH_CLASSES {
            return Err(MemberError::Malformed { problem: "the classes are not those of a match".to_owned() });
        }
        check_numbers("a", &[self.a], LARGEST)?;
        check_numbers("b", &[self.b], LARGEST)
    }

    fn inputs(&self) -> Vec<SignatureColumn> {
        self.upstream.inputs()
    }

    fn outputs(&self) -> Vec<OutputColumn> {
        self.upstream.outputs()
    }

    fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError> {
        let p = self.upstream.probabilities(rows)?;
        Ok(transpose(self.outputs(), (0..rows.rows()).map(|i| self.correct(p[0][i], p[1][i], p[2][i]))))
    }
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(MARGIN, 1.0 - MARGIN);
    (p / (1.0 - p)).ln()
}
