//! Processes of the program under test, each stopped by its own id.

#![allow(dead_code, reason = "each test program uses a part")]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use lineal_rpc::{Peer, READY};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lineal-under-test");
/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running process.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// All roles in one process, on a free port.
    pub(crate) async fn dev(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let process = Self::spawn(&["dev", "--data-dir", &folder.display().to_string()], environment);
        process.ready().await;
        process
    }

    /// The same on a disk where no file can have more than so many bytes: what is beyond is refused as by a full disk.
    pub(crate) async fn dev_within(folder: &Path, bytes: u64) -> Self {
        // The shell counts blocks of 512 bytes; without the signal a write fails instead.
        let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
        let mut command = Command::new("sh");
        command.args(["-c", &limited, PROGRAM, "dev", "--data-dir", &folder.display().to_string()]);
        let process = Self::started(command, "127.0.0.1:0");
        process.ready().await;
        process
    }

    /// A process on a free port, that prints its address as its first line.
    pub(crate) fn spawn(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn_at("127.0.0.1:0", arguments, environment)
    }

    /// A process on a given port, such as that of one that has died.
    pub(crate) fn spawn_at(listen: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).envs(environment.iter().copied());
        Self::started(command, listen)
    }

    fn started(mut command: Command, listen: &str) -> Self {
        let mut child = command.args(["--listen", listen]).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("http://"), "{command:?} printed {address:?}");
        Self { child, address: address.trim().to_owned() }
    }

    /// Where it listens, without the scheme.
    pub(crate) fn listen(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Waits until everything it should do works.
    pub(crate) async fn ready(&self) {
        let mut health = HealthClient::new(self.peer());
        eventually("the process is ready", async || {
            let asked = health.check(HealthCheckRequest { service: READY.to_owned() }).await;
            asked.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving).then_some(())
        })
        .await;
    }

    /// A channel to it.
    pub(crate) fn peer(&self) -> Peer {
        lineal_rpc::connect(&self.address, "tester").unwrap()
    }

    /// The most memory that it had at once so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Counts its peak from now on; returns what it has now.
    pub(crate) fn forget_peak_memory(&self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.peak_memory()
    }

    /// Runs a client command against it.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> Finished {
        let words: Vec<&str> = ["--address", &self.address].into_iter().chain(arguments.iter().copied()).collect();
        run(PROGRAM, &words).await
    }

    /// The same with variables of its environment.
    pub(crate) async fn cli_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
        let variables: Vec<_> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let command = variables.iter().map(String::as_str).chain([PROGRAM, "--address", &self.address]);
        run("env", &command.chain(arguments.iter().copied()).collect::<Vec<_>>()).await
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP or SIGCONT: the process is frozen, or goes on.
    pub(crate) fn signal(&self, name: &str) {
        let told = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits until it has died by itself.
    pub(crate) async fn died(mut self) -> ExitStatus {
        eventually("the process dies", async || self.child.try_wait().unwrap()).await
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        eventually("the process stops", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end without blocking the test's other tasks.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let finished = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Finished { code, stdout, stderr: errors.join().unwrap() }
    });
    finished.await.unwrap()
}

/// The program under test itself.
pub(crate) async fn program(arguments: &[&str]) -> Finished {
    run(PROGRAM, arguments).await
}

/// Asks until there is an answer, within [`PATIENCE`].
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not within {PATIENCE:?}");
}
