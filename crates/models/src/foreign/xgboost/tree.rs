//! One tree: arrays of nodes.

use super::file::Tree;
use crate::{
    Comparison, Trees,
    foreign::{
        TreeProblem,
        planter::{self, Child, Split},
    },
};

/// Categories end below this number.
const MAX_CATEGORY: u32 = 1 << 24;
/// Most words that the sets of all splits take: a few categories far apart must not fill the memory.
const MAX_WORDS: usize = 16 << 20;
const CATEGORICAL: u8 = 1;

/// Adds `tree`, whose leaves count `weight` times.
pub(super) fn push(trees: &mut Trees, tree: &Tree, weight: f32) -> Result<(), TreeProblem> {
    if tree.parameters.get("size_leaf_vector").is_some_and(|size| !["0", "1"].contains(&size)) {
        return Err(TreeProblem::Vectors);
    }
    let nodes = tree.left_children.len();
    for (array, length) in [
        ("left_children", nodes.max(1)),
        ("right_children", tree.right_children.len()),
        ("split_conditions", tree.split_conditions.len()),
        ("split_indices", tree.split_indices.len()),
        ("default_left", tree.default_left.len()),
    ] {
        if length != nodes {
            return Err(TreeProblem::Array { array, expected: nodes.max(1) });
        }
    }
    let sets = sets(trees, tree)?;
    let children = (0..nodes).map(|node| child(tree, node, weight)).collect::<Result<Vec<_>, _>>()?;
    // Leaves take the place of a split that nothing leads to, so that numbers stay.
    let splits = (0..nodes).map(|node| split(tree, node, &children, &sets)).collect::<Result<Vec<_>, _>>()?;
    planter::push(trees, &splits, children[0])
}

/// What a pointer to `node` leads to.
fn child(tree: &Tree, node: usize, weight: f32) -> Result<Child, TreeProblem> {
    if tree.left_children[node] != -1 {
        return Ok(Child::Split(node));
    }
    let leaf = tree.split_conditions[node] * weight;
    if leaf.is_finite() { Ok(Child::Leaf(f64::from(leaf))) } else { Err(TreeProblem::NotFinite { node }) }
}

fn split(tree: &Tree, node: usize, children: &[Child], sets: &[Option<usize>]) -> Result<Split, TreeProblem> {
    let to = |child: i32| {
        let known = usize::try_from(child).ok().and_then(|child| children.get(child).copied());
        known.ok_or(TreeProblem::Child { node, child: i64::from(child) })
    };
    let feature = tree.split_indices[node];
    let gain = tree.loss_changes.get(node).map_or(0.0, |gain| f64::from(*gain));
    let default_left = tree.default_left[node].is_set();
    if let Child::Leaf(_) = children[node] {
        let leaf = children[node];
        return Ok(Split {
            feature,
            comparison: Comparison::Below,
            value: 0.0,
            missing_left: false,
            left: leaf,
            right: leaf,
            gain,
        });
    }
    let (left, right) = (to(tree.left_children[node])?, to(tree.right_children[node])?);
    if tree.split_type.get(node) == Some(&CATEGORICAL) {
        let set = sets[node].ok_or(TreeProblem::Categories { node })?;
        // Here members go right.
        let (left, right, missing_left) = (right, left, !default_left);
        return Ok(Split {
            feature,
            comparison: Comparison::Member,
            value: set as f64,
            missing_left,
            left,
            right,
            gain,
        });
    }
    let value = boundary(tree.split_conditions[node]).ok_or(TreeProblem::NotFinite { node })?;
    Ok(Split { feature, comparison: Comparison::Below, value, missing_left: default_left, left, right, gain })
}

/// Adds the sets of `tree`; for each node the index of its set.
fn sets(trees: &mut Trees, tree: &Tree) -> Result<Vec<Option<usize>>, TreeProblem> {
    let mut found = vec![None; tree.left_children.len()];
    let mut words: usize = trees.sets.iter().map(Vec::len).sum();
    let places = tree.categories_segments.iter().zip(&tree.categories_sizes);
    for (&node, (&start, &size)) in tree.categories_nodes.iter().zip(places) {
        let node = node as usize;
        let bad = TreeProblem::Categories { node };
        let place = found.get_mut(node).ok_or(bad.clone())?;
        let range = usize::try_from(start).ok().zip(usize::try_from(start.saturating_add(size)).ok());
        let members = range.and_then(|(start, end)| tree.categories.get(start..end)).ok_or(bad.clone())?;
        let largest = members.iter().copied().max().ok_or(bad.clone())?;
        words += largest as usize / 32 + 1;
        if largest >= MAX_CATEGORY || words > MAX_WORDS {
            return Err(bad);
        }
        let mut set = vec![0; largest as usize / 32 + 1];
        for member in members {
            set[*member as usize / 32] |= 1 << (member % 32);
        }
        *place = Some(trees.sets.len());
        trees.sets.push(set);
    }
    Ok(found)
}

/// The least double precision number that, rounded to single precision, is not below `threshold`.
fn boundary(threshold: f32) -> Option<f64> {
    if !threshold.is_finite() {
        return None;
    }
    let below = threshold.next_down();
    // Below all finite numbers comes the next power of two, as if the exponent went on.
    let below = if below.is_finite() { f64::from(below) } else { -2_f64.powi(128) };
    let middle = f64::midpoint(below, f64::from(threshold));
    Some(if middle as f32 >= threshold { middle } else { middle.next_up() })
}

#[cfg(test)]
mod tests {
    use super::boundary;

    #[test]
    fn a_boundary_divides_as_the_threshold_divides_rounded_values() {
        let thresholds =
            [0.0, -0.0, 1.0, -1.0, 0.1, 16_777_217.0, 1e-45, -1e-45, f32::MIN_POSITIVE, f32::MAX, f32::MIN];
        for threshold in thresholds {
            let boundary = boundary(threshold).unwrap();
            assert!(boundary as f32 >= threshold, "{threshold}");
            assert!((boundary.next_down() as f32) < threshold, "{threshold}");
        }
        assert_eq!([boundary(f32::NAN), boundary(f32::INFINITY)], [None, None]);
    }
}
