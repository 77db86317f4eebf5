//! The rows: all flights that left New York in 2013, as files that both sides read.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use lineal_data::{FeatureSet, Table};

use super::{families::Label, peers::Peers};

/// The file of a part's matrix, row after row.
pub(super) const FEATURES: &str = "features.f64";
const DELAY: &str = "arr_delay";
/// The distance names it.
const LEFT_OUT: &str = "dest";
/// One row in so many is kept from the fits.
const REFERENCE: usize = 5;

/// What was prepared, and where.
#[derive(Debug)]
pub(super) struct Flights {
    /// Holds a folder each for the `train` and the `reference` rows.
    pub(super) folder: PathBuf,
    /// The table of all flights.
    pub(super) every: PathBuf,
    /// The table of those that arrived where they should.
    pub(super) arrived: PathBuf,
    /// How many rows.
    pub(super) train: usize,
    pub(super) reference: usize,
    pub(super) columns: usize,
}

impl Flights {
    /// Exports the tables into `folder` and makes matrices and labels of the second one: numbers standardised by the train rows,
    /// texts as a column for each.
    pub(super) async fn prepare(peers: &Peers, folder: &Path) -> anyhow::Result<Self> {
        eprintln!("exporting the flights");
        let (every, arrived) = (folder.join("flights.csv"), folder.join("arrived.csv"));
        peers.export(&every, &arrived).await?;
        let table = Table::from_csv(&fs::read(&arrived)?)?;
        let part = |held_out: bool| {
            let rows: Vec<_> = (0..table.rows()).filter(|row| (row % REFERENCE == 0) == held_out).collect();
            table.take(&rows)
        };
        let (train, reference) = (part(false)?, part(true)?);
        let features = FeatureSet::infer(&train, DELAY, &[LEFT_OUT.to_owned()])?.fit(&train.to_frame())?;
        for (name, part) in [("train", &train), ("reference", &reference)] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder)?;
            write(&folder.join(FEATURES), features.transform(&part.to_frame())?.values())?;
            let delays = part.numbers(DELAY)?;
            for label in Label::ALL {
                let labels: Vec<_> = delays.iter().map(|delay| label.of(*delay)).collect();
                write(&folder.join(label.file()), &labels)?;
            }
        }
        let columns = features.output_names().len();
        let folder = folder.to_owned();
        Ok(Self { folder, every, arrived, train: train.rows(), reference: reference.rows(), columns })
    }
}

/// Writes numbers as they are in memory, which is how numpy reads them.
pub(super) fn write(path: &Path, numbers: &[f64]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    for number in numbers {
        file.write_all(&number.to_ne_bytes())?;
    }
    Ok(file.flush()?)
}

/// The numbers in a file.
pub(super) fn numbers(path: &Path) -> anyhow::Result<Vec<f64>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let size = usize::try_from(file.metadata()?.len())?;
    ensure!(size > 0 && size.is_multiple_of(size_of::<f64>()), "{} holds no whole numbers of 8 bytes", path.display());
    let (mut file, mut bytes) = (BufReader::with_capacity(1 << 20, file), [0; size_of::<f64>()]);
    // Room for all from the start: what is given back while it grows would be taken from the process while something is measured.
    let count = size / size_of::<f64>();
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        file.read_exact(&mut bytes)?;
        numbers.push(f64::from_ne_bytes(bytes));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.f64");
        write(&path, &[1.5, -0.0, f64::MAX]).unwrap();
        assert_eq!(numbers(&path).unwrap(), [1.5, -0.0, f64::MAX]);
        fs::write(&path, [0; 12]).unwrap();
        assert!(numbers(&path).is_err());
    }
}
