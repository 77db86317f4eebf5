//! Load for benchmarks.
fn main() {}
