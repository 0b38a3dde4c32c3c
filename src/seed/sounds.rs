//! What the demo clips sound like: one `aevalsrc` expression each, quiet, with a fade at both ends.

use super::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Low plucked notes.
    Bass,
    /// A ball on a floor, in time with the picture.
    Bounces,
    /// Plucked notes of a pentatonic scale.
    Melody,
    /// A slow chord.
    Pad,
    Purr,
    Typing,
    Waves,
    Wind,
}

/// Hertz of the roots that a clip's key is drawn from: C, D, E, F, G and A below the middle C.
const ROOTS_HERTZ: [&str; 6] = ["130.81", "146.83", "164.81", "174.61", "196", "220"];
/// Semitones above the root: no two of these sound wrong together.
const PENTATONIC: [usize; 8] = [0, 2, 4, 7, 9, 12, 14, 16];

/// A source of the sound, stereo at 44.1 kHz and endless, without labels.
pub fn source(sound: Sound, dice: &mut Dice) -> String {
    let root = dice.pick(&ROOTS_HERTZ);
    let expression = match sound {
        Sound::Bass => plucked(dice, &format!("{root}/2"), 3, 3),
        Sound::Melody => plucked(dice, root, 5, 7),
        Sound::Pad => pad(dice, root),
        // A soft thump of falling pitch: the ball of the picture meets the floor every PI/4 seconds.
        Sound::Bounces => "0.5*exp(-mod(t,0.7854)*16)*sin(2*PI*(62*mod(t,0.7854)+9*exp(-mod(t,0.7854)*40)))".to_owned(),
        Sound::Purr => "(random(0)-0.5)*(0.10+0.5*pow(0.5+0.5*sin(2*PI*24*t),3))*(0.7+0.3*sin(2*PI*0.45*t))".to_owned(),
        Sound::Typing => typing(dice),
        Sound::Waves => "(random(0)-0.5)*(0.12+0.38*pow(0.5+0.5*sin(2*PI*0.21*t-1),2))".to_owned(),
        Sound::Wind => "(random(0)-0.5)*(0.25+0.2*sin(2*PI*0.17*t)+0.08*sin(2*PI*0.61*t))".to_owned(),
    };
    // Noise loses most of its power to the filter; the gain brings it back near the notes.
    let (lowpass_hertz, gain) = match sound {
        Sound::Purr | Sound::Wind => (380, 5),
        Sound::Waves => (900, 4),
        Sound::Typing => (5000, 3),
        Sound::Bass => (1200, 1),
        Sound::Bounces | Sound::Melody | Sound::Pad => (5000, 1),
    };
    format!(
        "aevalsrc=exprs='{expression}':s=44100,lowpass=f={lowpass_hertz},volume={gain},aformat=channel_layouts=stereo"
    )
}

fn semitones(root: &str, above: usize) -> String {
    format!("{root}*pow(2,{above}/12)")
}

/// A round of the root and `steps` notes drawn from the scale, `per_second` of them a second.
fn plucked(dice: &mut Dice, root: &str, per_second: usize, steps: usize) -> String {
    let beat = format!("mod(t*{per_second},1)/{per_second}");
    let mut pitch = root.to_owned();
    for step in 1..=steps {
        let note = PENTATONIC[dice.below(PENTATONIC.len())];
        pitch = format!("if(eq(mod(floor(t*{per_second}),{}),{step}),{},{pitch})", steps + 1, semitones(root, note));
    }
    let phase = format!("2*PI*({beat})*({pitch})");
    format!("0.22*min(1,{beat}*200)*exp(-{beat}*5)*(sin({phase})+0.4*sin(2*({phase}))+0.15*sin(3*({phase})))")
}

/// Three notes that swell and fade at their own pace, over a low root.
fn pad(dice: &mut Dice, root: &str) -> String {
    let third = dice.between(3, 4);
    let mut sum = format!("0.10*sin(2*PI*{root}/2*t)");
    for (voice, above) in [0, third, 7, 12].into_iter().enumerate() {
        let (pitch, pace) = (semitones(root, above), 13 + 9 * voice);
        sum += &format!(
            "+0.06*(0.6+0.4*sin(2*PI*t*{pace}/100+{voice}))*(sin(2*PI*{pitch}*t)+0.3*sin(2*PI*{pitch}*2.003*t))"
        );
    }
    sum
}

/// Bursts of noise on an uneven beat.
fn typing(dice: &mut Dice) -> String {
    let salt = dice.between(1, 900);
    let key = format!("mod(abs(sin(floor(t*9)*12.9898+{salt})*43758.5453),1)");
    format!("(random(0)-0.5)*0.7*gt({key},0.3)*exp(-mod(t*9,1)*26)*(0.4+0.6*{key})")
}
