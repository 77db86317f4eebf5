//! The program under test: `lineal` with its failpoints, which `FAILPOINTS` in the environment turns on.

fn main() -> std::process::ExitCode {
    let _points = fail::FailScenario::setup();
    lineal::cli::main()
}
