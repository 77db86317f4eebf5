//! A server in a process of its own.

use std::{ffi::OsStr, fs, path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::{cores::on_core, memory};

const START: Duration = Duration::from_mins(1);
/// Linux counts the processor time of a process in hundredths of a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);

/// A running server; it is killed when it is dropped, so also when the benchmark fails.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pid: u32,
    address: String,
    /// Open for as long as the server may write to it.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Runs `program`, which prints its address first, on `core` or anywhere.
    pub(crate) async fn start<A: AsRef<OsStr>>(
        program: &Path,
        args: &[A],
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let name = program.display();
        let mut command = on_core(program, core);
        command.args(args).env("LINEAL__LOG__LEVEL", "warn");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("cannot run {name}"))?;
        let pid = process.id().with_context(|| format!("{name} ended at once"))?;
        let mut output = BufReader::new(process.stdout.take().context("its output is not piped")?).lines();
        let first = timeout(START, output.next_line()).await;
        let first = first.with_context(|| format!("{name} did not say where it listens within {START:?}"))?;
        let address = first?.with_context(|| format!("{name} ended before it said where it listens"))?;
        Ok(Self { process, pid, address, _output: output })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Processor time that it has used so far, in user and in kernel mode.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.pid);
        let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        cpu_of(&stat).with_context(|| format!("{path} has another form than expected"))
    }

    /// The most memory that it has held so far, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        memory::peak(self.pid)
    }

    /// The memory that it holds now, in MiB.
    pub(crate) fn held(&self) -> anyhow::Result<f64> {
        memory::held(self.pid)
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// Fields 14 and 15 of proc(5); the name in field 2 may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    Some(TICK * (ticks.next()?? + ticks.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_added() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 5 0 100";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("7 (a) S 1"), None);
    }

    #[tokio::test]
    async fn a_program_that_ends_before_it_listens_is_an_error() {
        let error = Server::start::<&str>(Path::new("true"), &[], None).await.unwrap_err();
        assert_eq!(error.to_string(), "true ended before it said where it listens");
    }
}
