//! Logging: to standard error, for people or for collectors.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Starts logging for the whole process. A second start is ignored: whoever was first keeps the output.
pub(crate) fn start(settings: &LogSettings) {
    // Libraries speak at warn and above; our own level is the configured one.
    let filter = EnvFilter::new(format!("warn,lineal={0},{1}", settings.level, ours(&settings.level)));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let _ = match settings.format {
        LogFormat::Text => lines.compact().try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

fn ours(level: &str) -> String {
    let crates = ["registry", "trainer", "validator", "inference", "rpc", "db"];
    crates.map(|name| format!("lineal_{name}={level}")).join(",")
}
