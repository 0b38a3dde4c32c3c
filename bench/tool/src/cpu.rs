//! What processes have used, from /proc: unlike time on the wall it does not depend on what else the machine does.

use std::fs;

/// Of one side of a comparison: server, its Redis, its Postgres.
#[derive(Debug, Clone, Copy)]
pub struct Pids {
    pub server: u32,
    pub redis: u32,
    /// Absent where Postgres has no part.
    pub postgres: Option<u32>,
}

/// CPU seconds since the processes began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    pub server: f64,
    pub redis: f64,
    pub postgres: f64,
}

impl Used {
    pub fn now(pids: &Pids) -> Used {
        Used {
            server: tree_seconds(pids.server),
            redis: tree_seconds(pids.redis),
            postgres: pids.postgres.map_or(0.0, tree_seconds),
        }
    }

    pub fn since(&self, before: &Used) -> Used {
        Used {
            server: self.server - before.server,
            redis: self.redis - before.redis,
            postgres: self.postgres - before.postgres,
        }
    }
}

/// A process with its children, those that ended included: a Postgres is a process for each connection, and looking into
/// an uploaded file takes a child of the server.
fn tree_seconds(pid: u32) -> f64 {
    let own = ticks(pid).unwrap_or_default();
    let children: u64 = children(pid).into_iter().filter_map(ticks).sum();
    (own + children) as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// utime, stime, cutime and cstime of `/proc/PID/stat`.
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any others.
    let behind_name = &stat[stat.rfind(')')? + 2..];
    let fields: Vec<&str> = behind_name.split(' ').collect();
    Some(fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Of all its threads: each has the children that it started.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Memory in use, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen() {
        let pid = std::process::id();
        let before = tree_seconds(pid);
        let mut sum = 0_u64;
        while tree_seconds(pid) < before + 0.02 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0 && resident_bytes(pid) > 100_000);
    }
}
