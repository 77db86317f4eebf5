//! How much memory a process holds.

use std::{fmt::Display, fs};

use anyhow::Context as _;

/// The most memory that `process`, by its number or `self`, has held so far, in MiB.
pub(crate) fn peak(process: impl Display) -> anyhow::Result<f64> {
    read(process, "VmHWM")
}

/// The memory that it holds now, in MiB.
pub(crate) fn held(process: impl Display) -> anyhow::Result<f64> {
    read(process, "VmRSS")
}

fn read(process: impl Display, field: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
    let kib: f64 = line.with_context(|| format!("{path} has no {field}"))?.parse()?;
    Ok(kib / 1024.0)
}
