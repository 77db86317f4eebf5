//! The `lineal` binary.

/// Requests and answers are many small pieces of memory: a prediction costs a sixth less with this one than with the C library's, a
/// walk along a lineage a tenth, and a process keeps less of what it no longer needs. Threads of its own give memory back to the system
/// when nobody allocates: a replica whose models have left memory (`inference.idle_after_seconds`) would keep their pages otherwise.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    lineal::cli::main()
}
