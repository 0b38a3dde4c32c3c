//! The covers of videos that have none of their own: sixteen duotones with a play sign, drawn at the first start.

use std::sync::OnceLock;

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

pub(super) const COUNT: u8 = 16;

const WIDTH: usize = 360;
const HEIGHT: usize = 640;
const QUALITY: u8 = 90;
/// Steps of the colour ramp; more than an eye can tell, so that it shows no bands.
const RAMP_STEPS: usize = 2048;

/// One pixel of what all placeholders have in common.
#[derive(Clone, Copy)]
struct Stencil {
    /// Place on the colour ramp, 0 to 1.
    ramp: f32,
    /// Light (above 1) and vignette (below 1).
    shade: f32,
    /// How much of the play sign covers it, 0 to 1.
    sign: f32,
    /// -0.5 to 0.5 of a level, against banding.
    dither: f32,
}

/// JPEGs, each always the same.
pub(super) fn draw(numbers: impl Iterator<Item = u8>) -> impl Iterator<Item = Result<Vec<u8>, EncodingError>> {
    static STENCIL: OnceLock<Vec<Stencil>> = OnceLock::new();
    numbers.map(|number| encode(&paint(number, STENCIL.get_or_init(stencil))))
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    encoder.encode(pixels, WIDTH as u16, HEIGHT as u16, ColorType::Rgb)?;
    Ok(jpeg)
}

fn paint(number: u8, stencil: &[Stencil]) -> Vec<u8> {
    let ramp = ramp(number);
    let mut pixels = Vec::with_capacity(stencil.len() * 3);
    for point in stencil {
        let colour = ramp[(point.ramp * (RAMP_STEPS - 1) as f32) as usize];
        for channel in colour {
            let shaded = channel * point.shade;
            let signed = shaded + (255.0 - shaded) * point.sign;
            pixels.push((signed + point.dither).round().clamp(0.0, 255.0) as u8);
        }
    }
    pixels
}

/// Hues of the deep and of the light end, in degrees of Oklab's wheel. None is deep between 50 and 140: olive is not a
/// colour to wait in.
const HUES: [(f32, f32); COUNT as usize] = [
    (2.0, 48.0),
    (18.0, 62.0),
    (32.0, 82.0),
    (45.0, 98.0),
    (142.0, 112.0),
    (152.0, 130.0),
    (168.0, 146.0),
    (184.0, 162.0),
    (212.0, 182.0),
    (236.0, 204.0),
    (252.0, 226.0),
    (268.0, 250.0),
    (282.0, 304.0),
    (296.0, 330.0),
    (312.0, 354.0),
    (334.0, 18.0),
];

/// From the deep end to the light one, 0 to 255 per channel.
fn ramp(number: u8) -> Vec<[f32; 3]> {
    let (deep, light) = HUES[usize::from(number)];
    let ends = [oklab(0.37, 0.13, deep), oklab(0.73, 0.145, light)];
    let step = |number: usize| {
        let part = number as f32 / (RAMP_STEPS - 1) as f32;
        let mixed = linear(std::array::from_fn(|axis| ends[0][axis] + (ends[1][axis] - ends[0][axis]) * part));
        mixed.map(encoded)
    };
    (0..RAMP_STEPS).map(step).collect()
}

/// The strongest colour up to `chroma` that a screen can show: one that it cannot would leave a crease in the ramp.
fn oklab(lightness: f32, chroma: f32, hue_degrees: f32) -> [f32; 3] {
    let (sin, cos) = hue_degrees.to_radians().sin_cos();
    let colour = |chroma: f32| [lightness, chroma * cos, chroma * sin];
    let weaker = (0..100).map(|percent| chroma * (100 - percent) as f32 / 100.0).map(colour);
    let shown = |colour: &[f32; 3]| linear(*colour).iter().all(|channel| (0.004..0.80).contains(channel));
    weaker.into_iter().find(shown).unwrap_or(colour(0.0))
}

/// Oklab (bottosson.github.io/posts/oklab), where equal steps look equal, to linear light, 0 to 1 per channel.
fn linear([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    let long = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_4 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
}

/// Linear light to an sRGB level, 0 to 255.
fn encoded(linear: f32) -> f32 {
    let value = linear.clamp(0.0, 1.0);
    255.0 * if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

fn stencil() -> Vec<Stencil> {
    let points = (0..HEIGHT).flat_map(|row| (0..WIDTH).map(move |column| (column, row)));
    points.map(|(column, row)| point(column, row)).collect()
}

/// Distances are in widths of the picture, from its middle.
fn point(column: usize, row: usize) -> Stencil {
    let x = (column as f32 + 0.5) / WIDTH as f32 - 0.5;
    let y = (row as f32 + 0.5 - HEIGHT as f32 / 2.0) / WIDTH as f32;
    // A diagonal, bent a little, so that it looks like light and not like a ruler.
    let diagonal = 0.5 + 0.32 * x - 0.42 * y + 0.10 * (3.0 * x + 1.6 * y).sin();
    let light = 0.10 * (-((x - 0.22).powi(2) + (y + 0.55).powi(2)) / 0.18).exp();
    let corner = (0.7 * x * x + 0.36 * y * y).sqrt();
    let vignette = 0.38 * smooth(0.30, 0.74, corner);
    Stencil {
        ramp: smooth(0.0, 1.0, diagonal),
        shade: 1.0 + light - vignette,
        sign: play_sign(x, y),
        dither: noise(column, row),
    }
}

/// A veil of a disc and in it a triangle with round corners.
fn play_sign(x: f32, y: f32) -> f32 {
    const PIXEL: f32 = 1.0 / WIDTH as f32;
    const RADIUS: f32 = 0.125;
    let disc = 1.0 - smooth(-PIXEL, PIXEL, x.hypot(y) - RADIUS);
    // The smooth maximum of the distances to three edges; its softness rounds the corners. A triangle looks centred
    // when its centre of mass is.
    const SOFT: f32 = 0.007;
    let edges = [-x, 0.5 * x + 0.866_025_4 * y, 0.5 * x - 0.866_025_4 * y];
    let outside = SOFT * edges.iter().map(|edge| ((edge - 0.034) / SOFT).exp()).sum::<f32>().ln();
    let triangle = 1.0 - smooth(-PIXEL, PIXEL, outside);
    (0.14 * disc).max(0.88 * triangle)
}

/// 0 below `from`, 1 above `to`, with a level start and end.
fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let part = ((value - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// The same for the same pixel.
fn noise(column: usize, row: usize) -> f32 {
    let mut bits = (row * WIDTH + column) as u32;
    for factor in [0x9E37_79B1_u32, 0x85EB_CA77] {
        bits = (bits ^ (bits >> 15)).wrapping_mul(factor);
    }
    (bits >> 8) as f32 / (1 << 24) as f32 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_small_distinct_and_always_the_same() {
        let images: Vec<_> = draw(0..COUNT).map(Result::unwrap).collect();
        for image in &images {
            assert!(image.starts_with(&[0xFF, 0xD8, 0xFF]));
            assert!(image.len() < 15_000, "{}", image.len());
            assert_eq!(images.iter().filter(|other| *other == image).count(), 1);
        }
        assert_eq!(draw([3].into_iter()).next().unwrap().unwrap(), images[3]);
    }

    #[test]
    fn no_colour_is_burnt_out_where_the_light_falls() {
        for number in 0..COUNT {
            for colour in ramp(number) {
                assert!(colour.iter().all(|channel| channel * 1.1 <= 255.0), "{number}: {colour:?}");
            }
        }
    }
}
