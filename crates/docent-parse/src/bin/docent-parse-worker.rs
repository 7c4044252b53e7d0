//! A sandbox's child and nothing else: what the tests and benchmarks of this crate start.

fn main() -> std::process::ExitCode {
    docent_parse::worker_main()
}
