//! Probabilities of several classes: from a margin for each, or from leaves that hold them.

use lineal_data::Matrix;

use super::{Evaluator, trees::Walker};
use crate::Trees;

/// Scores each class by its own member.
pub(crate) struct SoftmaxEvaluator {
    members: Vec<Box<dyn Evaluator>>,
    normalise: fn(&mut [f64]),
}

impl SoftmaxEvaluator {
    /// Each member gives one margin for each row; `normalise` makes the margins of a row its scores.
    pub(crate) fn new(members: Vec<Box<dyn Evaluator>>, normalise: fn(&mut [f64])) -> Self {
        Self { members, normalise }
    }
}

impl Evaluator for SoftmaxEvaluator {
    fn outputs(&self) -> usize {
        self.members.len()
    }

    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>) {
        let classes = self.members.len();
        scores.clear();
        scores.resize(x.rows() * classes, 0.0);
        let mut margins = Vec::new();
        for (class, member) in self.members.iter().enumerate() {
            member.evaluate(x, &mut margins);
            for (row, margin) in scores.chunks_exact_mut(classes).zip(&margins) {
                row[class] = *margin;
            }
        }
        scores.chunks_exact_mut(classes).for_each(self.normalise);
    }
}

/// Scores by sums of leaves that hold one number for each class, added in tree order.
pub(crate) struct ClassTreesEvaluator {
    walker: Walker,
    /// Per node the first of its numbers.
    starts: Vec<usize>,
    leaves: Vec<f64>,
    outputs: usize,
    base_score: f64,
    divisor: f64,
}

impl ClassTreesEvaluator {
    /// `trees` has been checked and has several outputs.
    pub(crate) fn new(trees: &Trees) -> Self {
        let start = |(&value, &child): (&f64, &u32)| if child == 0 { value as usize * trees.outputs } else { 0 };
        // The leaf behind all trees, for lanes that none is left for, adds nothing.
        let starts = trees.values.iter().zip(&trees.children).map(start).chain([trees.leaves.len()]).collect();
        let nothing = std::iter::repeat_n(-0.0, trees.outputs);
        Self {
            walker: Walker::new(trees),
            starts,
            leaves: trees.leaves.iter().copied().chain(nothing).collect(),
            outputs: trees.outputs,
            base_score: trees.base_score,
            divisor: trees.divisor(),
        }
    }
}

impl Evaluator for ClassTreesEvaluator {
    fn outputs(&self) -> usize {
        self.outputs
    }

    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>) {
        scores.clear();
        scores.resize(x.rows() * self.outputs, self.base_score);
        let mut sides = Vec::new();
        for (i, sums) in scores.chunks_exact_mut(self.outputs).enumerate() {
            sides.clear();
            self.walker.push_sides(x.row(i), &mut sides);
            for group in self.walker.groups() {
                for place in self.walker.walk_any(group, &sides) {
                    let leaf = &self.leaves[self.starts[place as usize]..][..self.outputs];
                    sums.iter_mut().zip(leaf).for_each(|(sum, part)| *sum += part);
                }
            }
            for sum in sums {
                *sum /= self.divisor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, Link, Model, Softmax};

    #[test]
    fn each_class_scores_its_share_of_the_exponentials() {
        let member = |weight: f64| {
            Model::Linear(Linear { weights: vec![weight], intercept: 0.0, link: Link::Identity, importances: vec![] })
        };
        let model = Model::Softmax(Softmax::new(vec![member(0.0), member(1.0), member(2.0)]));
        let mut scores = Vec::new();
        model.evaluator(1).unwrap().evaluate(&Matrix::new(2, 1, vec![0.0, 1.0]).unwrap(), &mut scores);
        let e = 1f64.exp();
        let all = 1.0 + e + e * e;
        for (found, expected) in scores.iter().zip([1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / all, e / all, e * e / all]) {
            assert!((found - expected).abs() < 1e-15, "{scores:?}");
        }
    }

    #[test]
    fn leaves_of_many_trees_are_averaged_by_class() {
        let mut trees = Trees { outputs: 2, average: true, ..Trees::new(1, 0.0, Link::Identity) };
        for i in 0..11 {
            let root = trees.push_root();
            let left = trees.split(root, 0, f64::from(i), false);
            for (node, leaf) in [(left, [1.0, 0.0]), (left + 1, [0.0, 1.0])] {
                trees.values[node] = (trees.leaves.len() / 2) as f64;
                trees.leaves.extend(leaf);
            }
        }
        let mut scores = Vec::new();
        let x = Matrix::new(3, 1, vec![-1.0, 3.5, f64::NAN]).unwrap();
        Model::Trees(trees).evaluator(1).unwrap().evaluate(&x, &mut scores);
        assert_eq!(scores, [1.0, 0.0, 7.0 / 11.0, 4.0 / 11.0, 0.0, 1.0]);
    }
}
