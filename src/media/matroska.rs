//! WebM and Matroska. The parser does not notice a file that was cut, nor bound its own loops (a table of contents may
//! point at itself), so both are done here.

use std::error::Error;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use matroska_demuxer::{DemuxError, Frame, MatroskaFile, TrackType};

use super::container::{Facts, VideoKind};

/// Calls that the parser may make: a long film's table of contents takes some hundred thousand.
const CALLS_MAX: u32 = 2_000_000;
/// Frames among which one of the video track must be: recordings may begin with some sound.
const FRAMES_MAX: usize = 1_000;
const BUFFER_BYTES: usize = 1024;

const SEGMENT_ID: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

pub(super) fn inspect<R: Read + Seek>(file: &mut R, length: u64) -> Result<Facts, String> {
    check_segment(&mut BufReader::with_capacity(BUFFER_BYTES, &mut *file), length)?;
    file.rewind().map_err(|error| error.to_string())?;
    let file = Budgeted { inner: BufReader::with_capacity(BUFFER_BYTES, file), calls_left: CALLS_MAX };
    let mut film = MatroskaFile::open(file).map_err(reason)?;
    let kind = match film.ebml_header().doc_type().trim_end_matches('\0') {
        "webm" => VideoKind::Webm,
        _ => VideoKind::Mkv,
    };
    let tracks = film.tracks().iter().filter(|track| track.track_type() == TrackType::Video);
    let track = tracks.into_iter().find_map(|track| Some((track.track_number().get(), track.video()?)));
    let (number, video) = track.ok_or("no video track")?;
    let pixels = |count: u64| u32::try_from(count).map_err(|_| format!("{count} pixels in a row"));
    let (width, height) = (pixels(video.pixel_width().get())?, pixels(video.pixel_height().get())?);
    let duration_ms = match film.info().duration() {
        Some(ticks) => positive_ms(ticks * film.info().timestamp_scale().get() as f64 / 1e6)?,
        None => 0,
    };
    expect_frame_of(&mut film, number)?;
    Ok(Facts { kind, width, height, duration_ms })
}

/// The parser's own text leaves out what lies beneath.
fn reason(error: DemuxError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| source.to_string())
}

fn positive_ms(ms: f64) -> Result<u64, String> {
    if ms > 0.0 && ms.is_finite() { Ok((ms as u64).max(1)) } else { Err("a duration that is not positive".to_owned()) }
}

fn expect_frame_of<R: Read + Seek>(film: &mut MatroskaFile<R>, track: u64) -> Result<(), String> {
    let mut frame = Frame::default();
    for _ in 0..FRAMES_MAX {
        if !film.next_frame(&mut frame).map_err(reason)? {
            break;
        }
        if frame.track == track && !frame.data.is_empty() {
            return Ok(());
        }
    }
    Err("a video track without a frame".to_owned())
}

/// Reads the two outermost headers: a segment that says its size must lie within the file.
fn check_segment<R: Read + Seek>(file: &mut R, length: u64) -> Result<(), String> {
    let cut = |_| "cut short within its header".to_owned();
    file.seek(SeekFrom::Start(4)).map_err(cut)?;
    let header_bytes = read_size(file).map_err(cut)?.ok_or("a header without a size")?;
    let header_end = file.stream_position().map_err(cut)?.checked_add(header_bytes);
    let header_end = header_end.filter(|end| *end < length).ok_or("cut short within its header")?;
    file.seek(SeekFrom::Start(header_end)).map_err(cut)?;
    let mut id = [0; 4];
    file.read_exact(&mut id).map_err(cut)?;
    if id != SEGMENT_ID {
        return Err("no segment after the header".to_owned());
    }
    // Recordings that were written as they were made don't say it.
    if let Some(bytes) = read_size(file).map_err(cut)? {
        let end = file.stream_position().map_err(cut)?.checked_add(bytes);
        if end.is_none_or(|end| end > length) {
            return Err(format!("cut short: the segment of {bytes} bytes ends after the file"));
        }
    }
    Ok(())
}

/// An EBML size: as many leading zero bits as further bytes follow; all ones: unknown.
fn read_size<R: Read>(file: &mut R) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes[..1])?;
    let further = bytes[0].leading_zeros() as usize;
    if further > 7 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.read_exact(&mut bytes[1..=further])?;
    let bits = 7 * (further + 1);
    let value = u64::from_be_bytes(bytes) >> (8 * (7 - further)) & ((1 << bits) - 1);
    Ok((value != (1 << bits) - 1).then_some(value))
}

/// Ends endless loops with an error.
struct Budgeted<R> {
    inner: R,
    calls_left: u32,
}

impl<R> Budgeted<R> {
    fn spend(&mut self) -> io::Result<()> {
        self.calls_left = self.calls_left.checked_sub(1).ok_or_else(|| io::Error::other("too long a look"))?;
        Ok(())
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.spend()?;
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Budgeted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend()?;
        self.inner.seek(to)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.spend()?;
        self.inner.stream_position()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::clips::{clip, position};
    use super::*;

    fn check(bytes: &[u8]) -> Result<Facts, String> {
        inspect(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_size_is_read_in_each_of_its_widths() {
        for (bytes, size) in [
            (&[0x81][..], Some(1)),
            (&[0xFE], Some(126)),
            (&[0xFF], None),
            (&[0x40, 0x02], Some(2)),
            (&[0x7F, 0xFF], None),
            (&[0x10, 0, 0, 5], Some(5)),
            (&[0x01, 0, 0, 0, 0, 0, 0, 7], Some(7)),
            (&[0x01, 255, 255, 255, 255, 255, 255, 255], None),
        ] {
            assert_eq!(read_size(&mut &bytes[..]).unwrap(), size, "{bytes:x?}");
        }
        assert!(read_size(&mut &[0_u8; 9][..]).is_err());
    }

    #[test]
    fn huge_sizes_are_refused() {
        let bytes = clip("h264.mkv");
        let segment = position(&bytes, &SEGMENT_ID) + 4;
        let mut huge = bytes.to_vec();
        huge[segment..segment + 8].copy_from_slice(&[0x01, 255, 255, 255, 255, 255, 255, 254]);
        assert!(check(&huge).unwrap_err().starts_with("cut short"));
        let mut huge = bytes.to_vec();
        huge.splice(4..5, [0x01, 255, 255, 255, 255, 255, 255, 254]);
        assert!(check(&huge).unwrap_err().starts_with("cut short"));
    }

    #[test]
    fn no_pixels_are_refused() {
        let mut bytes = clip("vp8.webm").to_vec();
        let width = position(&bytes, &[0xB0, 0x81, 90]);
        bytes[width + 2] = 0;
        assert!(check(&bytes).is_err());
    }

    /// Found by reading the parser: it goes back to a checksum before the table of contents for ever.
    #[test]
    fn a_loop_of_the_parser_ends() {
        let header =
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x91][..], b"\x42\x82\x84webm\x42\x87\x81\x02\x42\x85\x81\x02\xEC\x80"].concat();
        let checksum = [&SEGMENT_ID[..], &[0x86, 0xBF, 0x84, 1, 2, 3, 4]].concat();
        assert_eq!(check(&[header, checksum].concat()).unwrap_err(), "too long a look");
    }
}
