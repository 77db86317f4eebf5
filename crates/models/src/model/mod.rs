//! What a fit yields: numbers, and nothing that runs.

mod comparison;
mod trees;

use serde::{Deserialize, Serialize};

pub use comparison::Comparison;
pub use trees::Trees;

pub(crate) use comparison::is_member;

use crate::{
    Link,
    evaluators::{ClassTreesEvaluator, Evaluator, LinearEvaluator, SoftmaxEvaluator, TreeEvaluator},
    link,
};

/// A fitted model, as it is stored. [`Model::evaluator`] checks it and makes it ready to score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// A weighted sum.
    Linear(Linear),
    /// A sum of trees.
    Trees(Trees),
    /// A margin for each class.
    Softmax(Softmax),
}

/// `margin = intercept + sum of weight * feature`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// One weight per feature.
    pub weights: Vec<f64>,
    /// The margin where all features are 0.
    pub intercept: f64,
    /// From margin to score.
    pub link: Link,
    /// How much the margin depends on each feature, |weight| times the feature's standard deviation; may be empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importances: Vec<f64>,
}

/// One probability for each class: `exp(margin)` over the sum of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    /// What gives each class its margin: a weighted sum or trees, of one output and with the identity as link.
    pub members: Vec<Model>,
    /// Whether each class has the score of its member instead, by the member's own link: one class against the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub independent: bool,
}

/// Why stored numbers are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The model was made for other features.
    #[error("the model takes {found} features, the rows have {expected}")]
    Features {
        /// Features per row.
        expected: usize,
        /// Features of the model.
        found: usize,
    },
    /// A number is NaN or infinite.
    #[error("`{field}` holds a value that is not finite at {index}")]
    NotFinite {
        /// Where.
        field: &'static str,
        /// Index in the array, 0 for a single number.
        index: usize,
    },
    /// The arrays of a model differ in length, or are longer than an index can say.
    #[error("the arrays of the model differ in length or exceed 2^31 entries")]
    Lengths,
    /// Sums in single precision of leaves that hold several numbers.
    #[error("trees that sum in single precision have one output, found {outputs}")]
    Single {
        /// How many numbers a leaf holds.
        outputs: usize,
    },
    /// A class of a softmax has no margin.
    #[error("a softmax needs at least two members, each with one margin and the identity as link")]
    Members,
    /// A node points outside, backwards, at a node that belongs to another, or at a feature that is not there.
    #[error("`{field}` points to {target} at {index}, where it must not")]
    Pointer {
        /// Where.
        field: &'static str,
        /// Index in the array.
        index: usize,
        /// What it points to.
        target: u32,
    },
}

impl Model {
    /// The model ready to score rows of `features` columns.
    ///
    /// # Errors
    /// [`ModelError`]: after this check, scoring can neither panic nor loop, whoever wrote the numbers.
    pub fn evaluator(&self, features: usize) -> Result<Box<dyn Evaluator>, ModelError> {
        match self {
            Self::Linear(linear) => {
                linear.check(features)?;
                Ok(Box::new(LinearEvaluator::new(linear.clone())))
            }
            Self::Trees(trees) => {
                trees.check(features)?;
                if trees.outputs == 1 {
                    Ok(Box::new(TreeEvaluator::new(trees)))
                } else {
                    Ok(Box::new(ClassTreesEvaluator::new(trees)))
                }
            }
            Self::Softmax(softmax) => {
                let evaluators = softmax.check()?.iter().map(|member| member.evaluator(features));
                Ok(Box::new(SoftmaxEvaluator::new(evaluators.collect::<Result<_, _>>()?, softmax.normalise())))
            }
        }
    }

    /// The same model, with its margins for scores.
    #[must_use]
    pub fn margins(&self) -> Self {
        match self.clone() {
            Self::Linear(linear) => Self::Linear(Linear { link: Link::Identity, ..linear }),
            Self::Trees(trees) => Self::Trees(Trees { link: Link::Identity, ..trees }),
            Self::Softmax(Softmax { members, .. }) => {
                let members = members.iter().map(Self::margins).collect();
                Self::Softmax(Softmax { members, independent: true })
            }
        }
    }

    /// How much the scores depend on each feature, as shares that sum to 1: of the gain of all splits, or of all
    /// |standardised weights|. Empty if the model does not tell, zeros if it depends on nothing.
    pub fn importances(&self) -> Vec<f64> {
        let mut totals = match self {
            Self::Linear(linear) => linear.importances.clone(),
            Self::Trees(trees) => trees.importances.clone(),
            Self::Softmax(Softmax { members, .. }) => {
                let parts: Vec<_> = members.iter().map(Self::importances_of_margin).collect();
                let features = parts.iter().map(|part| part.len()).min().unwrap_or(0);
                (0..features).map(|j| parts.iter().map(|part| part[j]).sum()).collect()
            }
        };
        let sum: f64 = totals.iter().sum();
        if sum > 0.0 {
            for total in &mut totals {
                *total /= sum;
            }
        }
        totals
    }

    /// The link of a model with one output.
    fn link(&self) -> Option<Link> {
        match self {
            Self::Linear(linear) => Some(linear.link),
            Self::Trees(trees) => (trees.outputs == 1).then_some(trees.link),
            Self::Softmax(_) => None,
        }
    }

    fn importances_of_margin(&self) -> &[f64] {
        match self {
            Self::Linear(linear) => &linear.importances,
            Self::Trees(trees) => &trees.importances,
            Self::Softmax(_) => &[],
        }
    }
}

impl Softmax {
    /// The softmax of `members`.
    pub fn new(members: Vec<Model>) -> Self {
        Self { members, independent: false }
    }

    fn check(&self) -> Result<&[Model], ModelError> {
        let fits = |link: Option<Link>| link.is_some_and(|link| self.independent || link == Link::Identity);
        if self.members.len() < 2 || !self.members.iter().all(|member| fits(member.link())) {
            return Err(ModelError::Members);
        }
        Ok(&self.members)
    }

    /// What makes the margins of a row its scores.
    fn normalise(&self) -> fn(&mut [f64]) {
        let is_single = |member: &Model| matches!(member, Model::Trees(trees) if trees.single);
        match (self.independent, self.members.iter().all(is_single)) {
            (true, _) => |_| {},
            (false, true) => link::softmax_single,
            (false, false) => link::softmax,
        }
    }
}

impl Linear {
    fn check(&self, features: usize) -> Result<(), ModelError> {
        check_features(features, self.weights.len())?;
        check_finite("weights", &self.weights)?;
        check_finite("intercept", &[self.intercept])?;
        check_importances(features, &self.importances)
    }
}

fn check_features(expected: usize, found: usize) -> Result<(), ModelError> {
    if expected == found { Ok(()) } else { Err(ModelError::Features { expected, found }) }
}

fn check_finite(field: &'static str, values: &[f64]) -> Result<(), ModelError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ModelError::NotFinite { field, index }),
        None => Ok(()),
    }
}

fn check_importances(features: usize, importances: &[f64]) -> Result<(), ModelError> {
    if ![0, features].contains(&importances.len()) {
        return Err(ModelError::Lengths);
    }
    check_finite("importances", importances)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(link: Link) -> Linear {
        Linear { weights: vec![1.0, 2.0], intercept: 0.0, link, importances: vec![1.0, 3.0] }
    }

    #[test]
    fn hostile_weights_are_refused() {
        let linear = linear(Link::Logit);
        let refusal = |linear: Linear, features| Model::Linear(linear).evaluator(features).err().unwrap();
        let nan = Linear { weights: vec![1.0, f64::NAN], ..linear.clone() };
        assert!(matches!(refusal(nan, 2), ModelError::NotFinite { index: 1, .. }));
        assert!(matches!(refusal(linear.clone(), 1), ModelError::Features { expected: 1, found: 2 }));
        assert!(matches!(refusal(Linear { importances: vec![1.0], ..linear }, 2), ModelError::Lengths));
    }

    #[test]
    fn a_softmax_takes_margins_only_and_not_itself() {
        let softmax = |members: Vec<Model>| Model::Softmax(Softmax::new(members));
        let margin = Model::Linear(linear(Link::Identity));
        let good = softmax(vec![margin.clone(), margin.clone()]);
        assert!(good.evaluator(2).is_ok());
        assert!(matches!(good.evaluator(3), Err(ModelError::Features { .. })));
        for other in [Model::Linear(linear(Link::Logit)), good.clone()] {
            assert!(matches!(softmax(vec![margin.clone(), other]).evaluator(2), Err(ModelError::Members)));
        }
        assert!(matches!(softmax(vec![margin]).evaluator(2), Err(ModelError::Members)));
        let rest = Softmax { members: vec![Model::Linear(linear(Link::Logit)); 2], independent: true };
        assert!(Model::Softmax(rest).evaluator(2).is_ok());
        assert_eq!(good.importances(), [0.25, 0.75]);
        assert_eq!(serde_json::from_str::<Model>(&serde_json::to_string(&good).unwrap()).unwrap(), good);
    }

    #[test]
    fn a_model_written_before_importances_still_loads() {
        let old = r#"{"linear":{"weights":[1.0],"intercept":0.5,"link":"logit"}}"#;
        let model: Model = serde_json::from_str(old).unwrap();
        assert!(model.evaluator(1).is_ok() && model.importances().is_empty());
        assert_eq!(serde_json::to_string(&model).unwrap(), old);
    }
}
