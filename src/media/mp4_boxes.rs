//! The boxes that an MP4 or QuickTime file is made of.

use std::io::{BufReader, Read, Seek};
use std::ops::Range;

/// A fragment of each frame, for hours.
const BOXES_MAX: usize = 1_000_000;
/// Enough for the headers of a run of small boxes; a larger one would be read in vain at every jump.
const WALK_BUFFER_BYTES: usize = 512;

/// What the outermost boxes are.
pub(super) struct Layout {
    pub brand: Option<[u8; 4]>,
    /// What is in it, without its header.
    pub moov: Range<u64>,
    pub has_samples: bool,
    pub has_fragments: bool,
}

/// Every outermost box must lie within the file: one that does not tells of a file that was cut.
pub(super) fn walk<R: Read + Seek>(file: &mut R, length: u64) -> Result<Layout, String> {
    let fault = |error: std::io::Error| error.to_string();
    let file = &mut BufReader::with_capacity(WALK_BUFFER_BYTES, file);
    let mut brand = None;
    let mut moov = None;
    let (mut has_samples, mut has_fragments) = (false, false);
    file.rewind().map_err(fault)?;
    let mut start = 0;
    for _ in 0..BOXES_MAX {
        // Fewer bytes than a header has are padding.
        if length - start < 8 {
            let moov = moov.ok_or("no moov box")?;
            return Ok(Layout { brand, moov, has_samples, has_fragments });
        }
        let mut name = [0; 4];
        let mut word = [0; 4];
        file.read_exact(&mut word).and_then(|()| file.read_exact(&mut name)).map_err(fault)?;
        let mut header = 8;
        let size = match u32::from_be_bytes(word) {
            0 if &name == b"mdat" => length - start,
            1 => {
                let mut long = [0; 8];
                file.read_exact(&mut long).map_err(fault)?;
                header = 16;
                u64::from_be_bytes(long)
            }
            size => u64::from(size),
        };
        let shown = name.escape_ascii();
        if size < header {
            return Err(format!("a {shown} box of {size} bytes"));
        }
        let end = start.checked_add(size).filter(|end| *end <= length);
        let end =
            end.ok_or_else(|| format!("cut short: the {shown} box of {size} bytes at {start} ends after the file"))?;
        let mut read = header;
        match &name {
            b"ftyp" if brand.is_none() && size >= header + 4 => {
                let mut major = [0; 4];
                file.read_exact(&mut major).map_err(fault)?;
                read += 4;
                brand = Some(major);
            }
            // As players do, we believe the first.
            b"moov" if moov.is_none() => moov = Some(start + header..end),
            b"mdat" => has_samples |= size > header,
            b"moof" => has_fragments = true,
            _ => {}
        }
        // Cannot overflow: a file's length is an i64.
        file.seek_relative((size - read) as i64).map_err(fault)?;
        start = end;
    }
    Err(format!("more than {BOXES_MAX} boxes"))
}

/// A `moov` box of its contents that matter.
pub(super) fn only_video(moov: &[u8]) -> Result<Vec<u8>, String> {
    let mut kept = Vec::with_capacity(moov.len() + 8);
    kept.extend(b"\0\0\0\0moov");
    for inner in boxes(moov)? {
        if matches!(inner.name, b"mvhd" | b"mvex") || (inner.name == b"trak" && is_video(inner.content)?) {
            kept.extend(inner.whole);
        }
    }
    let size = u32::try_from(kept.len()).map_err(|error| error.to_string())?;
    kept[..4].copy_from_slice(&size.to_be_bytes());
    Ok(kept)
}

fn is_video(trak: &[u8]) -> Result<bool, String> {
    let Some(media) = boxes(trak)?.into_iter().find(|inner| inner.name == b"mdia") else { return Ok(false) };
    let handler = boxes(media.content)?.into_iter().find(|inner| inner.name == b"hdlr");
    Ok(handler.and_then(|handler| handler.content.get(8..12)) == Some(b"vide"))
}

struct Inner<'a> {
    name: &'a [u8; 4],
    whole: &'a [u8],
    content: &'a [u8],
}

/// The boxes that lie side by side in `bytes`; a rest too short for one is padding.
fn boxes(mut bytes: &[u8]) -> Result<Vec<Inner<'_>>, String> {
    let mut found = Vec::new();
    while let Some((header, after)) = bytes.split_first_chunk::<8>() {
        let (size, name) = header.split_at(4);
        let (size, name) = (size.try_into().map(u32::from_be_bytes), name.try_into());
        let (Ok(size), Ok(name)) = (size, name) else { break };
        // Nothing here is larger than 4 GiB, so nobody writes a long size.
        let inside = (size as usize).checked_sub(8).filter(|inside| *inside <= after.len());
        let inside = inside.ok_or_else(|| format!("a box of {size} bytes within moov"))?;
        found.push(Inner { name, whole: &bytes[..inside + 8], content: &after[..inside] });
        bytes = &after[inside..];
    }
    Ok(found)
}
