//! What processes have used, from /proc: unlike time on the wall it does not depend on what else the machine does. And what
//! a virtual machine did not get of its cores, which shows in latencies and nowhere else.

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
    pub host: Host,
}

/// Seconds of all cores since the machine began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Host {
    /// In which something wanted to run here and the host ran something else.
    stolen: f64,
    all: f64,
}

impl Used {
    pub fn now(pids: &Pids) -> Used {
        Used {
            server: tree_seconds(pids.server),
            redis: tree_seconds(pids.redis),
            postgres: pids.postgres.map_or(0.0, tree_seconds),
            host: Host::now(),
        }
    }

    pub fn since(&self, before: &Used) -> Used {
        Used {
            server: self.server - before.server,
            redis: self.redis - before.redis,
            postgres: self.postgres - before.postgres,
            host: Host { stolen: self.host.stolen - before.host.stolen, all: self.host.all - before.host.all },
        }
    }
}

impl Host {
    /// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are within user.
    fn now() -> Host {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let seconds: Vec<f64> = fields.take(8).filter_map(|ticks| ticks.parse().ok()).map(to_seconds).collect();
        Host { stolen: seconds.get(7).copied().unwrap_or_default(), all: seconds.iter().sum() }
    }

    /// As a part of the time of all cores.
    pub fn stolen(self) -> f64 {
        self.stolen / self.all.max(f64::MIN_POSITIVE)
    }
}

fn to_seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// A process with its children, those that ended included: a Postgres is a process for each connection, and looking into
/// an uploaded file takes a child of the server.
fn tree_seconds(pid: u32) -> f64 {
    let own = ticks(pid).unwrap_or_default();
    let children: u64 = children(pid).into_iter().filter_map(ticks).sum();
    to_seconds(own + children)
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
