//! Uploads far larger than what the server may hold of them in memory.

use futures_util::future::join_all;

use crate::harness::{Account, BOUNDARY, Client, Part, Reply, Server, World, clip, head, multipart};

const GROWTH_BYTES_MAX: u64 = 32 << 20;
const PIECE_BYTES: usize = 256 << 10;

/// A legal video of `file_bytes`: a small one, and behind it a box that players skip. Only a piece of it is ever in
/// our memory.
async fn publish_large(client: Client, account: &Account, file_bytes: usize) -> Reply {
    let parts = [
        Part::Field { name: "token", value: &account.token },
        Part::Field { name: "title", value: "a long film" },
        Part::File { name: "data", file_name: "film.mp4", bytes: clip() },
    ];
    let mut start = multipart(&parts);
    let end = start.split_off(start.len() - format!("\r\n--{BOUNDARY}--\r\n").len());
    let free_bytes = file_bytes - clip().len();
    start.extend((free_bytes as u32).to_be_bytes());
    start.extend(b"free");

    let length = (start.len() + free_bytes - 8 + end.len()).to_string();
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("Content-Length", length.as_str()), ("Content-Type", &kind)];
    let mut connection = client.connect().await;
    connection.send(head("POST", "/douyin/publish/action/", &headers).as_bytes()).await;
    connection.send(&start).await;
    let zeros = vec![0; PIECE_BYTES];
    let mut left = free_bytes - 8;
    while left > 0 {
        let piece = left.min(PIECE_BYTES);
        connection.send(&zeros[..piece]).await;
        left -= piece;
    }
    connection.send(&end).await;
    connection.reply().await
}

/// The most that was resident since the last call.
fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn large_uploads_pass_through_little_memory() {
    let world = World::start().await;
    let server = Server::start(&world, &[("ffmpeg", "/nonexistent/ffmpeg")]).await;
    let client = server.client();
    let mia = client.register("mia").await;
    // Eight smaller ones spare the disk, and are still more than eight may take.
    for (at_once, file_bytes) in [(1, 300 << 20), (8, 64 << 20)] {
        peak_bytes(server.pid());
        let before = peak_bytes(server.pid());
        let replies = join_all((0..at_once).map(|_| publish_large(client, &mia, file_bytes))).await;
        assert!(replies.iter().all(|reply| reply.code() == 0), "{}", replies[0].text());
        let grown = peak_bytes(server.pid()).saturating_sub(before);
        assert!(grown < at_once * GROWTH_BYTES_MAX, "{at_once} uploads took {grown} bytes");
    }
}
