//! Which core runs what, so that server and load never wait for each other.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// One core for the server and another one for the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cores {
    /// What the server runs on.
    pub(crate) server: usize,
    /// What the load runs on.
    pub(crate) load: usize,
}

impl Cores {
    /// The first two cores that this process may use; an error says why nothing can be pinned.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("this system has no /proc/self/status")?;
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = allowed.and_then(Self::first_two).context("this process has fewer than two cores")?;
        let there = Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
        ensure!(there.is_ok_and(|status| status.success()), "taskset is not installed");
        Ok(cores)
    }

    /// Of a list such as `0-3,8`.
    fn first_two(list: &str) -> Option<Self> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
        };
        let mut cores = list.trim().split(',').filter_map(range).flatten();
        Some(Self { server: cores.next()?, load: cores.next()? })
    }

    /// Moves this process, which is the load, to its core.
    pub(crate) fn pin_load(self) -> anyhow::Result<()> {
        self.beside_load(std::process::id())
    }

    /// Moves the process `pid`, and what it starts from now on, to the core of the load.
    pub(crate) fn beside_load(self, pid: u32) -> anyhow::Result<()> {
        let (core, pid) = (self.load.to_string(), pid.to_string());
        let pinned = Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]).stdout(Stdio::null()).status();
        ensure!(pinned.context("cannot run taskset")?.success(), "taskset cannot pin process {pid} to core {core}");
        Ok(())
    }
}

/// A command that runs `program` on `core` or anywhere. The process that is started becomes the program, so that it is the one to
/// measure and to kill.
pub(crate) fn on_core(program: &Path, core: Option<usize>) -> tokio::process::Command {
    match core {
        Some(core) => {
            let mut taskset = tokio::process::Command::new("taskset");
            taskset.args(["-c", &core.to_string()]).arg(program);
            taskset
        }
        None => tokio::process::Command::new(program),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_cores_of_a_list_are_taken() {
        for (list, server, load) in [("\t0-1", 0, 1), ("3,5-7\n", 3, 5), ("2-3,8", 2, 3)] {
            assert_eq!(Cores::first_two(list), Some(Cores { server, load }), "{list:?}");
        }
        for list in ["0", "", "4-4"] {
            assert_eq!(Cores::first_two(list), None, "{list:?}");
        }
    }
}
