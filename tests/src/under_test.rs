//! The program under test: `lineal` with its failpoints.

fn main() -> std::process::ExitCode {
    lineal::cli::main()
}
