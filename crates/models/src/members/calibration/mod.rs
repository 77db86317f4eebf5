//! Calibration: the probabilities of one upstream, corrected so that they happen as often as they say.
//!
//! `platt` and `isotonic` correct each class on its own against all others, then divide by the sum; of two classes only
//! the first has a curve, and the other is what is left. `temperature` divides the logs of all probabilities by one
//! number. All three are scikit-learn's.

mod curve;
mod isotonic;
mod temperature;

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{
    Member, MemberDescription, MemberError, MemberFamily, MemberFitError, MemberRows, OUTCOME, Output, OutputColumn,
    Upstream, Upstreams,
    member::{Evaluate, check_numbers, transpose},
    newton::{self, Watch},
    upstream::LARGEST,
};
use crate::{
    HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters, Progress, SignatureColumn,
};

pub use curve::Curve;

const PLATT: &str = "platt";
const ISOTONIC: &str = "isotonic";
const TEMPERATURE: &str = "temperature";

pub(super) struct CalibrationFamily;

const DESCRIPTION: MemberDescription = MemberDescription {
    name: "calibration",
    title: "Calibration",
    columns: &[OUTCOME],
    upstreams: Upstreams::One,
    hyperparameters: &[
        Description {
            name: "method",
            kind: Kind::Choice { choices: &[PLATT, ISOTONIC, TEMPERATURE], default: PLATT },
            doc: "a sigmoid for each class, a rising step-wise line for each class, or one temperature for all",
        },
        newton::MAX_ITERATIONS,
        newton::TOLERANCE,
    ],
};

/// How the probabilities of an upstream are corrected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    upstream: Upstream,
    method: Method,
}

/// What corrects probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// One curve for each class; of two classes, one for the first.
    Curves(Vec<Curve>),
    /// What the logs of all probabilities are divided by; above 1 it makes them less sure.
    Temperature(f64),
}

impl MemberFamily for CalibrationFamily {
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
        upstream.check()?;
        let (columns, outcomes) = (upstream.probabilities(data.rows)?, data.outcomes(&upstream.classes)?);
        let curves = if columns.len() == 2 { 1 } else { columns.len() };
        let mut watch = Watch::new(progress, curves * params.integer(newton::MAX_ITERATIONS.name)?);
        let method = match params.choice("method")? {
            TEMPERATURE => Method::Temperature(temperature::fit(&columns, &outcomes, params, &mut watch)?),
            name => {
                let mut curve = |class: usize| {
                    let positive: Vec<bool> = outcomes.iter().map(|outcome| *outcome == class).collect();
                    match name {
                        ISOTONIC => Curve::isotonic(columns[class], &positive, &mut watch),
                        _ => Curve::platt(columns[class], &positive, params, &mut watch),
                    }
                };
                Method::Curves((0..curves).map(&mut curve).collect::<Result<_, _>>()?)
            }
        };
        Ok(Member::Calibration(Calibration { upstream, method }))
    }
}

impl Calibration {
    /// What corrects the probabilities.
    pub fn method(&self) -> &Method {
        &self.method
    }
}

impl Evaluate for Calibration {
    fn check(&self) -> Result<(), MemberError> {
        self.upstream.check()?;
        let classes = self.upstream.classes.len();
        match &self.method {
            Method::Temperature(value) if *value > 0.0 => check_numbers("temperature", &[*value, 1.0 / value], LARGEST),
            Method::Temperature(_) => {
                Err(MemberError::Malformed { problem: "the temperature is not above 0".to_owned() })
            }
            Method::Curves(curves) if curves.len() == if classes == 2 { 1 } else { classes } => {
                curves.iter().try_for_each(Curve::check)
            }
            Method::Curves(_) => {
                Err(MemberError::Malformed { problem: "there is not one curve for each class".to_owned() })
            }
        }
    }

    fn inputs(&self) -> Vec<SignatureColumn> {
        self.upstream.inputs()
    }

    fn outputs(&self) -> Vec<OutputColumn> {
        self.upstream.outputs()
    }

    fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError> {
        let columns = self.upstream.probabilities(rows)?;
        let corrected = (0..rows.rows()).map(|row| {
            let shown = columns.iter().map(|column| column[row]);
            match &self.method {
                Method::Temperature(value) => temperature::correct(shown, 1.0 / value),
                Method::Curves(curves) => curve::correct(shown, curves),
            }
        });
        Ok(transpose(self.outputs(), corrected))
    }
}
