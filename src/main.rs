fn main() -> std::process::ExitCode {
    riffle::cli::main()
}
