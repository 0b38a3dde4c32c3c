//! MP4 and QuickTime. We walk the outermost boxes ourselves, by seeking, and give the parser only what is asked about:
//! `moov`, with the video tracks alone. So it reads no film's worth of samples, and stumbles neither over a last `mdat`
//! of size 0, which is legal and means "to the end", nor over the sound tracks and remarks that phones write.

use std::io::{Read, Seek, SeekFrom};

use mp4parse::{MediaContext, SampleEntry, Track, TrackType};

use super::container::{Facts, VideoKind};
use super::mp4_boxes::{only_video, walk};

/// Far above a long film's; what the parser makes of it must fit the sandbox's memory.
const MOOV_BYTES_MAX: u64 = 64 << 20;
pub(super) fn inspect<R: Read + Seek>(file: &mut R, length: u64) -> Result<Facts, String> {
    let layout = walk(file, length)?;
    let moov_bytes = layout.moov.end - layout.moov.start;
    if moov_bytes > MOOV_BYTES_MAX {
        return Err(format!("a moov box of {moov_bytes} bytes"));
    }
    if !layout.has_samples {
        return Err("no mdat box".to_owned());
    }
    let mut moov = vec![0; usize::try_from(moov_bytes).map_err(|error| error.to_string())?];
    file.seek(SeekFrom::Start(layout.moov.start))
        .and_then(|_| file.read_exact(&mut moov))
        .map_err(|error| error.to_string())?;
    let movie = mp4parse::read_mp4(&mut &only_video(&moov)?[..]).map_err(|error| format!("{error:?}"))?;
    let (track, (width, height)) = video_track(&movie)?;
    let duration_ms = if movie.mvex.is_some() && layout.has_fragments {
        fragmented_duration_ms(&movie, track)
    } else {
        plain_duration_ms(track, length)?
    };
    let kind = match layout.brand {
        Some(brand) if brand != *b"qt  " => VideoKind::Mp4,
        _ => VideoKind::Mov,
    };
    Ok(Facts { kind, width, height, duration_ms })
}

fn video_track(movie: &MediaContext) -> Result<(&Track, (u32, u32)), String> {
    let mut found = false;
    for track in movie.tracks.iter().filter(|track| track.track_type == TrackType::Video) {
        found = true;
        if let Some(size) = shown_size(track) {
            return Ok((track, size));
        }
    }
    Err(if found { "a video track without a size" } else { "no video track" }.to_owned())
}

fn shown_size(track: &Track) -> Option<(u32, u32)> {
    let header = track.tkhd.as_ref()?;
    let (width, height) = (header.width >> 16, header.height >> 16);
    let descriptions = track.stsd.as_ref().map_or(&[][..], |stsd| &stsd.descriptions);
    let codec_says_nothing_is_seen = descriptions.iter().any(|description| match description {
        SampleEntry::Video(entry) => entry.width == 0 || entry.height == 0,
        _ => false,
    });
    if width == 0 || height == 0 || codec_says_nothing_is_seen {
        return None;
    }
    let quarter_turn = header.matrix.a == 0 && header.matrix.d == 0;
    Some(if quarter_turn { (height, width) } else { (width, height) })
}

/// `moov` holds no samples; whether it says a duration is up to the writer.
fn fragmented_duration_ms(movie: &MediaContext, track: &Track) -> u64 {
    let told = movie.mvex.as_ref().and_then(|mvex| mvex.fragment_duration).zip(movie.timescale);
    match told {
        Some((duration, timescale)) => in_ms(duration.0, timescale.0),
        None => track_duration_ms(track),
    }
}

fn plain_duration_ms(track: &Track, length: u64) -> Result<u64, String> {
    let has_frames = track.stts.as_ref().is_some_and(|stts| stts.samples.iter().any(|run| run.sample_count > 0));
    let duration_ms = track_duration_ms(track);
    if !has_frames || duration_ms == 0 {
        return Err("a video track without a frame".to_owned());
    }
    let chunks = track.stco.as_ref().map_or(&[][..], |stco| &stco.offsets);
    if chunks.is_empty() || chunks.iter().any(|offset| *offset >= length) {
        return Err("cut short: samples lie after the end of the file".to_owned());
    }
    Ok(duration_ms)
}

fn track_duration_ms(track: &Track) -> u64 {
    match (&track.duration, &track.timescale) {
        (Some(duration), Some(timescale)) => in_ms(duration.0, timescale.0),
        _ => 0,
    }
}

/// A duration that is not 0 stays at least a millisecond.
fn in_ms(duration: u64, timescale: u64) -> u64 {
    let ms = (u128::from(duration) * 1000).div_ceil(u128::from(timescale.max(1)));
    u64::try_from(ms).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::clips::{clip, position};
    use super::*;

    fn check(bytes: &[u8]) -> Result<Facts, String> {
        inspect(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    /// Where the size field of the outermost or inner box `name` lies.
    fn size_field(bytes: &[u8], name: &[u8; 4]) -> usize {
        position(bytes, name) - 4
    }

    fn with_size(clip: &[u8], name: &[u8; 4], size: u32) -> Vec<u8> {
        let mut bytes = clip.to_vec();
        let field = size_field(&bytes, name);
        bytes[field..field + 4].copy_from_slice(&size.to_be_bytes());
        bytes
    }

    #[test]
    fn a_last_mdat_may_be_of_size_0() {
        let bytes = with_size(&clip("faststart.mp4"), b"mdat", 0);
        assert_eq!(check(&bytes), check(&clip("faststart.mp4")));
        // Cut, it is still noticed where whole chunks are gone.
        assert!(check(&bytes[..size_field(&bytes, b"mdat") + 9]).unwrap_err().starts_with("cut short"));
    }

    #[test]
    fn no_other_box_may_be_of_size_0() {
        for name in [b"ftyp", b"moov", b"free", b"trak", b"tkhd", b"stsd"] {
            assert!(check(&with_size(&clip("faststart.mp4"), name, 0)).is_err(), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_box_that_is_smaller_than_its_header_is_refused() {
        for size in 2..8 {
            assert!(check(&with_size(&clip("faststart.mp4"), b"moov", size)).is_err(), "{size}");
        }
    }

    #[test]
    fn absurdly_large_boxes_are_refused() {
        for name in [b"ftyp", b"moov", b"mdat", b"trak", b"stts", b"stsz", b"stco"] {
            let bytes = with_size(&clip("faststart.mp4"), name, u32::MAX);
            assert!(check(&bytes).is_err(), "{}", name.escape_ascii());
        }
        let mut long = b"\0\0\0\x01mdat".to_vec();
        for size in [0, 15, u64::MAX, i64::MAX as u64] {
            long.truncate(8);
            long.extend(size.to_be_bytes());
            assert!(check(&[&clip("plain.mp4")[..], &long].concat()).is_err(), "{size}");
        }
    }

    #[test]
    fn tables_that_promise_billions_of_entries_are_refused() {
        for name in [b"stts", b"stsz", b"stco", b"stsc", b"elst"] {
            let mut bytes = clip("faststart.mp4").to_vec();
            let count = position(&bytes, name) + if name == b"stsz" { 12 } else { 8 };
            bytes[count..count + 4].copy_from_slice(&u32::MAX.to_be_bytes());
            assert!(check(&bytes).is_err(), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_track_of_no_width_is_refused() {
        let mut bytes = clip("faststart.mp4").to_vec();
        let width = position(&bytes, b"tkhd") + 4 + 76;
        assert_eq!(bytes[width..width + 2], 90_u16.to_be_bytes());
        bytes[width..width + 4].fill(0);
        assert_eq!(check(&bytes).unwrap_err(), "a video track without a size");

        let mut bytes = clip("faststart.mp4").to_vec();
        // The brands say `avc1` too.
        let width = position(&bytes, b"stsd") + 12 + 4 + 4 + 24;
        bytes[width..width + 2].fill(0);
        assert_eq!(check(&bytes).unwrap_err(), "a video track without a size");
    }

    #[test]
    fn quicktime_from_before_ftyp_is_taken() {
        let mut bytes = clip("plain.mov").to_vec();
        let size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        // Renamed rather than cut off, so that the chunk offsets stay true.
        bytes[4..8].copy_from_slice(b"free");
        assert!(size >= 8);
        assert_eq!(check(&bytes).unwrap().kind, VideoKind::Mov);
    }

    #[test]
    fn fragments_without_samples_are_refused() {
        let bytes = clip("fragmented.mp4");
        let moof = size_field(&bytes, b"moof");
        assert!(check(&bytes[..moof]).is_err());
    }

    #[test]
    fn the_first_moov_counts() {
        let bytes = clip("plain.mp4");
        let second = [&bytes[..], b"\0\0\0\x08moov"].concat();
        assert_eq!(check(&second), check(&bytes));
    }
}
