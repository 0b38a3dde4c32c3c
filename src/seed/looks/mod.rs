//! What the demo clips show: each look is an ffmpeg filter graph that needs no input file and no font.
//!
//! Expressions per pixel are slow, so almost everything is drawn once, as a still or a transparent layer, and then
//! moved by filters that are fast: `scroll`, `rotate`, `overlay`, `remap`, `perspective`. Only what must change in every
//! frame (water, aurora, lava) is computed per frame, small, and scaled up.

mod outdoors;
mod patterns;
mod things;

use super::dice::Dice;
use super::sounds::Sound;

pub const WIDTH: usize = 360;
pub const HEIGHT: usize = 640;
/// Frames a second; written out again in [`FOR_EVER`] and, as the length of one frame, in [`one_frame`].
pub const RATE: usize = 25;

/// What a clip is about, so that its titles can fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Art,
    Basketball,
    Cats,
    Coding,
    Food,
    Hiking,
    Music,
    Night,
    Retro,
    Science,
    Sea,
    Snow,
    Space,
    Streets,
    Sunset,
    Unwinding,
}

pub struct Look {
    pub topic: Topic,
    pub sound: Sound,
    /// How far a clip's colours may turn from those drawn, in degrees of hue.
    pub hue_degrees: usize,
    /// The graph whose last, open output is the picture.
    pub draw: fn(&mut Dice) -> String,
}

const fn look(topic: Topic, sound: Sound, hue_degrees: usize, draw: fn(&mut Dice) -> String) -> Look {
    Look { topic, sound, hue_degrees, draw }
}

/// Clip number `n` has look `n % LOOKS.len()`.
pub const LOOKS: &[Look] = &[
    look(Topic::Sunset, Sound::Waves, 12, outdoors::sunset),
    look(Topic::Cats, Sound::Purr, 25, things::cat),
    look(Topic::Streets, Sound::Pad, 10, outdoors::skyline),
    look(Topic::Food, Sound::Melody, 10, things::donut),
    look(Topic::Music, Sound::Melody, 180, patterns::equalizer),
    look(Topic::Hiking, Sound::Wind, 15, outdoors::mountains),
    look(Topic::Coding, Sound::Typing, 30, things::code),
    look(Topic::Basketball, Sound::Bounces, 8, things::basketball),
    look(Topic::Retro, Sound::Bass, 25, patterns::synthwave),
    look(Topic::Night, Sound::Pad, 30, outdoors::aurora),
    look(Topic::Art, Sound::Melody, 180, patterns::kaleidoscope),
    look(Topic::Snow, Sound::Wind, 10, outdoors::snow),
    look(Topic::Sea, Sound::Waves, 20, things::fish),
    look(Topic::Space, Sound::Pad, 60, patterns::warp),
    look(Topic::Unwinding, Sound::Bass, 180, patterns::lava),
    look(Topic::Science, Sound::Melody, 35, patterns::life),
];

type Rgb = [u8; 3];
/// An expression each for red, green and blue.
type Paint = [String; 3];

fn flat(colour: Rgb) -> Paint {
    colour.map(|level| level.to_string())
}

/// From one colour to another as `share`, an expression, goes from 0 to 1.
fn blend(from: Rgb, to: Rgb, share: &str) -> Paint {
    std::array::from_fn(|i| format!("({}+({})*clip({share},0,1))", from[i], i16::from(to[i]) - i16::from(from[i])))
}

/// `yes` where `condition`, an expression, is not 0.
fn choose(condition: &str, yes: &Paint, no: &Paint) -> Paint {
    std::array::from_fn(|i| format!("if({condition},{},{})", yes[i], no[i]))
}

/// A number in 0..1 that looks random and is the same for the same value of `expression`.
fn hash(expression: &str) -> String {
    format!("mod(abs(sin({expression})*43758.5453),1)")
}

/// A picture drawn once and shown for ever.
fn still(width: usize, height: usize, [r, g, b]: &Paint) -> String {
    format!("{},format=gbrp,geq=r='{r}':g='{g}':b='{b}',format=yuv420p,{FOR_EVER}", one_frame(width, height))
}

/// The same with transparency: `cover` goes from 0 (clear) to 1 (solid).
fn layer(width: usize, height: usize, paint: &Paint, cover: &str) -> String {
    format!("{},format=yuva420p,{FOR_EVER}", drawn(width, height, paint, cover))
}

/// A layer with smooth edges, twice as slow to draw.
fn smooth_layer(width: usize, height: usize, paint: &Paint, cover: &str) -> String {
    let enlarged = |expression: &str| expression.replace('X', "(X/1.5)").replace('Y', "(Y/1.5)");
    let paint = paint.each_ref().map(|expression| enlarged(expression));
    let large = drawn(width * 3 / 2, height * 3 / 2, &paint, &enlarged(cover));
    format!("{large},scale={width}:{height}:flags=area,format=yuva420p,{FOR_EVER}")
}

/// Comes last, after every conversion, so that those are done once.
const FOR_EVER: &str = "loop=-1:1:0,setpts=N/25/TB";

fn one_frame(width: usize, height: usize) -> String {
    format!("color=black:s={width}x{height}:r={RATE}:d=0.04")
}

fn drawn(width: usize, height: usize, [r, g, b]: &Paint, cover: &str) -> String {
    let cover = format!("255*clip({cover},0,1)");
    format!("{},format=gbrap,geq=r='{r}':g='{g}':b='{b}':a='{cover}'", one_frame(width, height))
}

/// A picture computed anew for every frame: to be kept small and scaled up softly.
fn moving(width: usize, height: usize, [r, g, b]: &Paint) -> String {
    format!("color=black:s={width}x{height}:r={RATE},format=gbrp,geq=r='{r}':g='{g}':b='{b}'")
}

fn softly_scaled(width: usize, height: usize) -> String {
    format!(",scale={width}:{height}:flags=bicubic")
}

/// Lays each layer over all before it; a layer is its graph and its place, `x=…:y=…`, in the terms of `overlay`.
fn stack(ground: String, layers: &[(String, String)]) -> String {
    let mut graph = format!("{ground}[under0]");
    for (number, (picture, place)) in layers.iter().enumerate() {
        graph += &format!(
            ";{picture}[layer{number}];[under{number}][layer{number}]overlay={place}:eval=frame[under{}]",
            number + 1
        );
    }
    graph + &format!(";[under{}]null", layers.len())
}

fn place(x: impl std::fmt::Display, y: impl std::fmt::Display) -> String {
    format!("x='{x}':y='{y}'")
}

/// Hashed dots that tile, for stars, snow and bubbles: one in each cell of `cell` pixels, where the hash allows.
/// The expression is the distance from the cell's dot, in pixels, `far` where there is none.
fn dot_distance(cell: usize, share_percent: usize, salt: usize) -> String {
    let id = format!("(floor(X/{cell})*12.9898+floor(Y/{cell})*78.233+{salt})");
    let (x, y, there) = (hash(&id), hash(&format!("({id}*1.7)")), hash(&format!("({id}*2.3)")));
    let margin = cell / 4;
    let room = cell - 2 * margin;
    format!(
        "if(lt({there},{share_percent}/100),hypot(mod(X,{cell})-{margin}-{room}*{x},mod(Y,{cell})-{margin}-{room}*{y}),1000)"
    )
}
