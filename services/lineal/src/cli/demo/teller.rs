//! The teller: prints the story and types its commands.

use std::path::PathBuf;

use crate::cli::{
    Cli,
    error::{CliError, Exit},
    output::Style,
};

/// Who tells the story.
pub(super) struct Teller {
    /// What the reader's screen can do.
    pub(super) style: Style,
    /// Where everything listens.
    pub(super) address: String,
    /// Where the files of the story are.
    pub(super) folder: PathBuf,
}

impl Teller {
    /// Begins a part of the story.
    pub(super) fn scene(&self, title: &str) {
        println!("\n{}", self.style.heading(&format!("== {title} ==")));
    }

    /// A paragraph, or a table.
    #[allow(clippy::unused_self, reason = "it is the teller who says it")]
    pub(super) fn say(&self, text: &str) {
        println!("\n{}", text.trim_end());
    }

    /// Shows a file of the story.
    pub(super) fn shows(&self, name: &str, text: &str) {
        println!("\n{}\n{}", self.style.heading(&format!("$ cat {name}")), text.trim_end());
    }

    /// Runs a command line in this process; anything but the `expected` end ends the story. `{name}` is a file of the story.
    pub(super) async fn types(&self, line: &str, expected: Exit) -> Result<(), CliError> {
        println!("\n{}", self.style.heading(&format!("$ lineal {}", line.replace(['{', '}'], ""))));
        let words = ["lineal", "--address", &self.address, "--actor", "demo"].map(str::to_owned);
        let words = words.into_iter().chain(line.split(' ').map(|word| self.typed(word)));
        let cli = <Cli as clap::Parser>::try_parse_from(words).map_err(|error| CliError::usage(error.to_string()))?;
        let exit = match Box::pin(cli.run()).await {
            Ok(exit) => exit,
            Err(error) if error.exit() == expected => {
                // On the standard output, in its place in the story.
                println!("{}", error.text().trim_end());
                expected
            }
            Err(error) => return Err(error),
        };
        if exit == expected {
            return Ok(());
        }
        Err(CliError::Server(anyhow::anyhow!("`lineal {line}` ended with {exit:?} instead of {expected:?}")))
    }

    fn typed(&self, word: &str) -> String {
        match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some(file) => self.folder.join(file).display().to_string(),
            None => word.to_owned(),
        }
    }

    /// Says how to go on when everything has stopped.
    pub(super) fn ending(&self, train: &str) {
        self.scene("Your turn");
        println!("\n  lineal dev                         start it for yourself, with data in ./lineal-data");
        println!("  lineal {train}");
        println!("  lineal --help");
    }

    /// Says how to go on with what keeps running.
    pub(super) fn next(&self, commands: &[&str]) {
        self.scene("Your turn");
        println!("\nLineal keeps running at {} until you press Ctrl-C. In another terminal:\n", self.address);
        for command in commands {
            let words = command.split(' ').map(|word| self.typed(word)).collect::<Vec<_>>().join(" ");
            println!("  lineal {words}");
        }
    }
}
