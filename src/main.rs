/// In a heap that caches have filled and emptied in part, the system's allocator took 42 % of the serving threads' time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    riffle::cli::main()
}
