//! Blending: the probabilities of several upstreams, and of the market if asked, made into one.
//!
//! A multinomial logistic regression on the logs of all probabilities: the margin of a class is its intercept plus the
//! sum of weight times log, and the margins become probabilities by softmax. Minimises `sum of log losses + |w|^2 / (2
//! c)` over all weights; the intercepts are not penalised and sum to 0.

use lineal_data::Frame;
use serde::{Deserialize, Serialize};

use super::{
    Member, MemberDescription, MemberError, MemberFamily, MemberFitError, MemberRows, OUTCOME, Output, OutputColumn,
    Upstream, Upstreams, market,
    member::{Evaluate, check_numbers, transpose},
    newton::{self, Objective, Value, Watch},
    upstream::LARGEST,
};
use crate::{
    Datatype, HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters, Progress,
    SignatureColumn,
    link::{multiclass_loss, softmax},
};

/// A probability counts as at least this much before its log is taken.
const FLOOR: f64 = 1e-12;
/// Most coefficients: their Hessian takes 8 bytes for each pair.
const MAX_COEFFICIENTS: usize = 2000;

pub(super) struct BlendingFamily;

const DESCRIPTION: MemberDescription = MemberDescription {
    name: "blending",
    title: "Blending",
    columns: &[OUTCOME],
    upstreams: Upstreams::Several,
    hyperparameters: &[
        Description {
            name: "c",
            kind: Kind::Float { min: 1e-6, max: 1e6, default: 1.0 },
            doc: "inverse strength of the L2 penalty on the weights; smaller is stronger",
        },
        Description {
            name: "market",
            kind: Kind::Boolean { default: false },
            doc: "whether to take decimal odds too, one column `odds_<class>` for each class",
        },
        newton::MAX_ITERATIONS,
        newton::TOLERANCE,
    ],
};

/// Weights that make one forecast of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blending {
    /// All of the same classes.
    upstreams: Vec<Upstream>,
    /// Whether the market is one more source, the last.
    market: bool,
    /// One for each class.
    blends: Vec<Blend>,
}

/// The margin of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// The margin where all logs are 0.
    pub intercept: f64,
    /// One for each input of the member, in their order.
    pub weights: Vec<f64>,
}

impl MemberFamily for BlendingFamily {
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
        let (upstreams, market) = (data.upstreams.to_vec(), params.boolean("market")?);
        upstreams[0].check()?;
        upstreams.iter().try_for_each(|upstream| upstream.check_classes(&upstreams[0].classes))?;
        let mut blending = Blending { upstreams, market, blends: Vec::new() };
        let (outcomes, logs) = (data.outcomes(blending.classes())?, blending.logs(data.rows)?);
        let size = 1 + blending.inputs().len();
        let coefficients = size * blending.classes().len();
        if coefficients > MAX_COEFFICIENTS {
            return Err(MemberFitError::ManyCoefficients { coefficients, limit: MAX_COEFFICIENTS });
        }
        let likelihood = Likelihood { logs: &logs, outcomes: &outcomes, size, penalty: 1.0 / params.float("c")? };
        let mut watch = Watch::new(progress, params.integer(newton::MAX_ITERATIONS.name)?);
        let point = newton::minimise(&likelihood, vec![0.0; coefficients], params, &mut watch)?;
        let blend = |part: &[f64]| Blend { intercept: part[0], weights: part[1..].to_vec() };
        blending.blends = point.chunks_exact(size).map(blend).collect();
        Ok(Member::Blending(blending))
    }
}

impl Blending {
    /// One for each class, in the order of the outputs.
    pub fn blends(&self) -> &[Blend] {
        &self.blends
    }

    fn classes(&self) -> &[String] {
        self.upstreams.first().map_or(&[], |upstream| &upstream.classes)
    }

    /// Per row the log of every input.
    fn logs(&self, rows: &Frame) -> Result<Vec<Vec<f64>>, MemberError> {
        let mut columns: Vec<&[f64]> = Vec::new();
        for upstream in &self.upstreams {
            columns.extend(upstream.probabilities(rows)?);
        }
        let market = if self.market { market::probabilities(rows, self.classes())? } else { Vec::new() };
        columns.extend(market.iter().map(Vec::as_slice));
        let row = |row: usize| columns.iter().map(|column| column[row].max(FLOOR).ln()).collect();
        Ok((0..rows.rows()).map(row).collect())
    }

    fn blend(&self, logs: &[f64]) -> Vec<f64> {
        let mut margins: Vec<f64> =
            self.blends.iter().map(|blend| margin(blend.intercept, &blend.weights, logs)).collect();
        softmax(&mut margins);
        margins
    }
}

impl Evaluate for Blending {
    fn check(&self) -> Result<(), MemberError> {
        self.upstreams.iter().try_for_each(Upstream::check)?;
        let same = self.upstreams.iter().all(|upstream| upstream.classes == self.classes());
        let inputs = self.inputs().len();
        let sizes = self.blends.iter().all(|blend| blend.weights.len() == inputs);
        if self.upstreams.is_empty() || !same || !sizes || self.blends.len() != self.classes().len() {
            let problem = "expected upstreams of the same classes, for each class a blend, for each input a weight";
            return Err(MemberError::Malformed { problem: problem.to_owned() });
        }
        for blend in &self.blends {
            check_numbers("intercept", &[blend.intercept], LARGEST)?;
            check_numbers("weights", &blend.weights, LARGEST)?;
        }
        Ok(())
    }

    fn inputs(&self) -> Vec<SignatureColumn> {
        let odds = |class: &String| SignatureColumn { name: market::column(class), datatype: Datatype::Fp64 };
        let market = self.classes().iter().filter(|_| self.market).map(odds);
        self.upstreams.iter().flat_map(Upstream::inputs).chain(market).collect()
    }

    fn outputs(&self) -> Vec<OutputColumn> {
        self.classes().iter().map(|class| OutputColumn::number(class)).collect()
    }

    fn evaluate(&self, rows: &Frame) -> Result<Vec<Output>, MemberError> {
        Ok(transpose(self.outputs(), self.logs(rows)?.iter().map(|logs| self.blend(logs))))
    }
}

fn margin(intercept: f64, weights: &[f64], logs: &[f64]) -> f64 {
    intercept + weights.iter().zip(logs).map(|(weight, log)| weight * log).sum::<f64>()
}

/// The penalised negative log-likelihood. A point holds for each class its intercept and its weights.
struct Likelihood<'a> {
    logs: &'a [Vec<f64>],
    outcomes: &'a [usize],
    /// Coefficients of one class.
    size: usize,
    penalty: f64,
}

impl Likelihood<'_> {
    fn add_row(&self, value: &mut Value, point: &[f64], logs: &[f64], outcome: usize) {
        let (size, n) = (self.size, point.len());
        let mut chances: Vec<f64> = point.chunks_exact(size).map(|blend| margin(blend[0], &blend[1..], logs)).collect();
        value.loss += multiclass_loss(&chances, outcome);
        softmax(&mut chances);
        let input = |j: usize| if j == 0 { 1.0 } else { logs[j - 1] };
        for (a, p) in chances.iter().enumerate() {
            let residual = p - f64::from(a == outcome);
            for j in 0..size {
                value.slope[a * size + j] += residual * input(j);
                let line = &mut value.curvature[(a * size + j) * n..][..=a * size + j];
                for (b, q) in chances.iter().enumerate().take(a + 1) {
                    let scaled = p * (f64::from(a == b) - q) * input(j);
                    for (k, entry) in line.iter_mut().skip(b * size).take(size).enumerate() {
                        *entry += scaled * input(k);
                    }
                }
            }
        }
    }

    /// Adding the same to all intercepts changes nothing; a curvature there keeps their sum at 0.
    fn anchor(&self, value: &mut Value, n: usize) {
        for a in (0..n).step_by(self.size) {
            for b in (0..=a).step_by(self.size) {
                value.curvature[a * n + b] += 1.0;
            }
        }
    }
}

impl Objective for Likelihood<'_> {
    const METRIC: &'static str = "penalised_log_loss";

    fn at(&self, point: &[f64]) -> Option<Value> {
        let n = point.len();
        let mut value = Value::zero(n);
        for (logs, outcome) in self.logs.iter().zip(self.outcomes) {
            self.add_row(&mut value, point, logs, *outcome);
        }
        for (i, weight) in point.iter().enumerate().filter(|(i, _)| i % self.size > 0) {
            value.loss += self.penalty / 2.0 * weight * weight;
            value.slope[i] += self.penalty * weight;
            value.curvature[i * n + i] += self.penalty;
        }
        self.anchor(&mut value, n);
        value.loss.is_finite().then_some(value)
    }

    fn weight(&self) -> f64 {
        self.outcomes.len() as f64
    }
}
