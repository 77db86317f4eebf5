//! The `lineal` binary.

fn main() -> std::process::ExitCode {
    lineal::cli::main()
}
