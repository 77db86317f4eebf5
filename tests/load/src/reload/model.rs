//! Models of any size as another library writes them, and rows that they know.

use std::{fmt::Write as _, fs, path::Path};

use crate::inference::synthetic::draw;

/// Columns of the rows.
pub(super) const FEATURES: usize = 30;
const ROWS: usize = 2000;
/// One of so many rows has the wrong label: nothing real is without.
const WRONG: usize = 10;

/// LightGBM's text of a binary model of full trees. All of them say first whether the first feature is above 0, which is what the
/// label says; what is below differs with `seed`. Few large trees take long to load and little time to ask.
pub(super) fn write(file: &Path, trees: usize, leaves: usize, seed: usize) -> anyhow::Result<()> {
    let numbers = draw(leaves + seed);
    let numbers = &numbers[seed..];
    let names: Vec<_> = (0..FEATURES).map(|feature| format!("Column_{feature}")).collect();
    let mut text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx={}\nobjective=binary sigmoid:1\n\
         feature_names={}\n\n",
        FEATURES - 1,
        names.join(" ")
    );
    for tree in 0..trees {
        write!(text, "Tree={tree}\nnum_leaves={leaves}\nnum_cat=0\n")?;
        let splits = leaves - 1;
        // Where split or leaf `node` stands, as in a heap: leaves come after all splits.
        let child = |node: usize| if node < splits { node as i64 } else { !((node - splits) as i64) };
        line(&mut text, "split_feature", splits, |node| if node == 0 { 0 } else { (node * 7 + tree) % FEATURES })?;
        line(&mut text, "threshold", splits, |node| if node == 0 { 0.0 } else { numbers[node] })?;
        line(&mut text, "decision_type", splits, |_| 2)?;
        line(&mut text, "left_child", splits, |node| child(2 * node + 1))?;
        line(&mut text, "right_child", splits, |node| child(2 * node + 2))?;
        let size = 0.1 / trees as f64;
        line(&mut text, "leaf_value", leaves, |leaf| {
            if is_right(leaf + splits) { size * (2.0 + numbers[leaf]) } else { -size * (2.0 + numbers[leaf]) }
        })?;
        text.push('\n');
    }
    text.push_str("end of trees\n");
    Ok(fs::write(file, text)?)
}

fn line<T: std::fmt::Display>(
    text: &mut String,
    key: &str,
    count: usize,
    item: impl Fn(usize) -> T,
) -> std::fmt::Result {
    write!(text, "{key}=")?;
    for i in 0..count {
        write!(text, "{}{}", if i == 0 { "" } else { " " }, item(i))?;
    }
    writeln!(text)
}

/// Whether a node of a heap is below the right child of the root.
fn is_right(mut node: usize) -> bool {
    while node > 2 {
        node = (node - 1) / 2;
    }
    node == 2
}

/// A table of rows with their labels.
pub(super) fn table(file: &Path) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_path(file)?;
    table.write_record((0..FEATURES).map(|feature| format!("Column_{feature}")).chain(["label".to_owned()]))?;
    for (i, row) in draw(ROWS * FEATURES).chunks(FEATURES).enumerate() {
        let label = (row[0] > 0.0) != (i % WRONG == 0);
        table.write_record(row.iter().map(f64::to_string).chain([u8::from(label).to_string()]))?;
    }
    Ok(table.flush()?)
}

#[cfg(test)]
mod tests {
    use lineal_models::ForeignModel;

    use super::*;

    #[test]
    fn every_model_can_be_read_and_differs_with_its_seed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.txt");
        let mut models = Vec::new();
        for (trees, leaves, seed) in [(1, 2, 0), (3, 31, 0), (3, 31, 1)] {
            write(&file, trees, leaves, seed).unwrap();
            models.push(ForeignModel::read(&fs::read(&file).unwrap()).unwrap());
        }
        assert_ne!(models[1], models[2]);
        assert_eq!([3, 4, 5, 6].map(is_right), [false, false, true, true]);
    }
}
