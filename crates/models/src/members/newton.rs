//! Newton's method for the smooth functions of a few numbers that members minimise.

use super::MemberFitError;
use crate::{
    HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters, Progress, families::cholesky,
};

/// A step is halved at most this often.
const HALVINGS: u32 = 60;
/// The first damping tried where the curvature is not positive, relative to its largest diagonal entry.
const DAMPING: f64 = 1e-6;
/// Damping grows tenfold at most this often, to 1e6 times the curvature: a short step straight downhill.
const DAMPINGS: i32 = 12;

pub(super) const MAX_ITERATIONS: Description = Description {
    name: "max_iterations",
    kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
    doc: "most Newton steps before the fit fails",
};
pub(super) const TOLERANCE: Description = Description {
    name: "tolerance",
    kind: Kind::Float { min: 1e-12, max: 0.1, default: 1e-8 },
    doc: "length of the gradient of the summed loss that counts as converged",
};

/// What is minimised.
pub(super) trait Objective {
    /// What progress calls the mean loss.
    const METRIC: &'static str;

    /// The function at `point`; `None` where it is not defined.
    fn at(&self, point: &[f64]) -> Option<Value>;

    /// What the value is divided by to tell people the mean loss.
    fn weight(&self) -> f64;
}

/// A function, its gradient and its Hessian (lower triangle, row-major) at one point.
pub(super) struct Value {
    pub(super) loss: f64,
    pub(super) slope: Vec<f64>,
    pub(super) curvature: Vec<f64>,
}

/// Counts the steps of a fit, which may minimise several functions one after the other.
pub(super) struct Watch<'a> {
    progress: &'a dyn Progress,
    done: u64,
    total: u64,
}

impl<'a> Watch<'a> {
    /// For at most `total` steps.
    pub(super) fn new(progress: &'a dyn Progress, total: usize) -> Self {
        Self { progress, done: 0, total: total as u64 }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), MemberFitError> {
        if self.progress.cancelled() { Err(MemberFitError::Cancelled) } else { Ok(()) }
    }

    pub(super) fn step(&mut self, metric: &'static str, value: f64) {
        self.done += 1;
        self.progress.step(self.done, self.total, &[(metric, value)]);
    }
}

impl Value {
    /// Zero in `n` dimensions.
    pub(super) fn zero(n: usize) -> Self {
        Self { loss: 0.0, slope: vec![0.0; n], curvature: vec![0.0; n * n] }
    }

    fn gradient_norm(&self) -> f64 {
        self.slope.iter().map(|slope| slope * slope).sum::<f64>().sqrt()
    }

    /// The Newton step with `damping` added to the diagonal; `None` if that is not positive definite.
    fn step(&self, damping: f64) -> Option<Vec<f64>> {
        let mut curvature = self.curvature.clone();
        curvature.iter_mut().step_by(self.slope.len() + 1).for_each(|entry| *entry += damping);
        cholesky::solve(curvature, self.slope.clone())
    }

    /// The Newton step, damped as little as makes it lead downhill.
    fn damped_step(&self) -> Option<Vec<f64>> {
        let largest = self.curvature.iter().step_by(self.slope.len() + 1).fold(0.0_f64, |a, b| a.max(b.abs()));
        let dampings = (0..=DAMPINGS).map(|power| DAMPING * largest * 10_f64.powi(power));
        std::iter::once(0.0).chain(dampings).find_map(|damping| self.step(damping))
    }
}

/// The minimum next to `start`: a gradient no longer than the tolerance where the curvature is positive definite.
///
/// # Errors
/// [`MemberFitError::Cancelled`], [`MemberFitError::Singular`] and [`MemberFitError::NotConverged`].
pub(super) fn minimise<O: Objective>(
    objective: &O,
    start: Vec<f64>,
    params: &Hyperparameters,
    watch: &mut Watch<'_>,
) -> Result<Vec<f64>, MemberFitError> {
    let (iterations, tolerance) = (params.integer(MAX_ITERATIONS.name)?, params.float(TOLERANCE.name)?);
    let mut value = objective.at(&start).ok_or(MemberFitError::Singular)?;
    let mut point = start;
    for _ in 0..iterations {
        watch.check_cancelled()?;
        let step = value.damped_step().ok_or(MemberFitError::Singular)?;
        (point, value) = descend(objective, point, value, &step);
        watch.step(O::METRIC, value.loss / objective.weight());
        if value.gradient_norm() <= tolerance {
            return value.step(0.0).map(|_| point).ok_or(MemberFitError::Singular);
        }
    }
    Err(MemberFitError::NotConverged { iterations })
}

/// The point one step further, or a fraction of the step if all of it leads uphill or out of the function's domain.
fn descend(objective: &impl Objective, point: Vec<f64>, value: Value, step: &[f64]) -> (Vec<f64>, Value) {
    // Close to the minimum the function is flat to the last bits.
    let ceiling = value.loss + 1e-12 * value.loss.abs();
    let mut scale = 1.0;
    for _ in 0..HALVINGS {
        let there: Vec<f64> = point.iter().zip(step).map(|(x, s)| x - scale * s).collect();
        match objective.at(&there) {
            Some(value) if value.loss <= ceiling => return (there, value),
            _ => scale /= 2.0,
        }
    }
    (point, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{families::tests::Quiet, members::tests::resolve};

    /// `x^4 / 4 - x^2 / 2` for `x < 3`: minima at -1 and 1, curved the wrong way between them.
    struct Wells;

    impl Objective for Wells {
        const METRIC: &'static str = "loss";

        fn at(&self, point: &[f64]) -> Option<Value> {
            let x = point[0];
            (x < 3.0).then(|| Value {
                loss: x.powi(4) / 4.0 - x * x / 2.0,
                slope: vec![x.powi(3) - x],
                curvature: vec![3.0 * x * x - 1.0],
            })
        }

        fn weight(&self) -> f64 {
            1.0
        }
    }

    fn minimum(start: f64) -> Result<Vec<f64>, MemberFitError> {
        minimise(&Wells, vec![start], &resolve("poisson", "{}"), &mut Watch::new(&Quiet, 100))
    }

    #[test]
    fn a_minimum_is_found_from_where_the_curvature_is_negative_or_the_step_leaves_the_domain() {
        for start in [0.1, 0.578, 2.9] {
            let found = minimum(start).unwrap()[0];
            assert!((found - 1.0).abs() < 1e-8, "from {start} to {found}");
        }
        assert!((minimum(-0.1).unwrap()[0] + 1.0).abs() < 1e-8);
    }

    #[test]
    fn a_level_point_that_is_no_minimum_is_refused() {
        assert!(matches!(minimum(0.0), Err(MemberFitError::Singular)));
    }
}
