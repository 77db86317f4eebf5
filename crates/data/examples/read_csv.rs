//! How fast a CSV file becomes a table: `cargo run --release -p lineal-data --example read_csv FILE`.

use std::time::Instant;

use lineal_data::{DataError, Table};

const TIMES: usize = 7;

fn main() -> Result<(), DataError> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let mut seconds = f64::INFINITY;
        let mut rows = 0;
        for _ in 0..TIMES {
            let start = Instant::now();
            rows = Table::from_csv(&bytes)?.rows();
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
        println!("{path}: {rows} rows in {seconds:.3} s, {:.0} MB/s", bytes.len() as f64 / 1e6 / seconds);
    }
    Ok(())
}
