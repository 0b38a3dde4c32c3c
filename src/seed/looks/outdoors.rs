//! Views: sunset, mountains, city, snow, northern lights.

use super::super::dice::Dice;
use super::{
    HEIGHT, Paint, Rgb, WIDTH, blend, choose, dot_distance, flat, hash, layer, moving, place, softly_scaled, stack,
    still,
};

/// A sky of three colours: top, middle, horizon.
fn sky(top: Rgb, middle: Rgb, horizon: Rgb, height: usize) -> Paint {
    let upper = blend(top, middle, &format!("Y/{height}*2"));
    let lower = blend(middle, horizon, &format!("Y/{height}*2-1"));
    choose(&format!("lt(Y,{height}/2)"), &upper, &lower)
}

/// A disc with a soft glow around it; its picture is six radii wide.
fn glowing_disc(radius: usize, core: Rgb) -> String {
    let size = radius * 6;
    let middle = size / 2;
    let away = format!("(hypot(X-{middle},Y-{middle})-{radius})");
    layer(size, size, &flat(core), &format!("if(lt({away},0),1,max(1-{away},0.5*exp(-{away}*2.2/{radius})-0.01))"))
}

/// The outline of a range of hills, in pixels below the layer's top. It repeats every `period` pixels.
fn ridge(dice: &mut Dice, period: usize, middle: usize, swing: usize) -> String {
    let mut outline = middle.to_string();
    for (waves, share) in [(1, 40), (2, 30), (3, 22), (5, 14), (9, 7), (17, 4)] {
        let phase = dice.below(628);
        outline += &format!("+{swing}*{share}/100*sin(2*PI*X*{waves}/{period}+{phase}/100)");
    }
    outline
}

pub fn sunset(dice: &mut Dice) -> String {
    let shore = 400;
    let column = dice.between(38, 62);
    let centre = WIDTH * column / 100;
    let sun = glowing_disc(48, [255, 240, 190]);
    let cloud = "sin(X/57+sin(Y/21)*2)*sin(Y/13+sin(X/97)*3)+0.4*sin(X/23+Y/9)";
    let clouds = layer(720, 230, &flat([255, 176, 140]), &format!("({cloud}-0.35)*0.55*sin(PI*Y/230)"));
    // Ripples grow towards the viewer; the sun's road over the water widens. `ld(0)` is the ripple, `ld(1)` the road.
    let ripple = "st(0,0.5+0.5*sin(2340/(Y+9)+T*3.1+3*sin(X/8+T)+2*sin(X/3.1-T*1.7)))";
    let road = format!("st(1,exp(-pow((X-{column}*0.6)/(3+Y*0.13),2)))");
    let dark = blend([236, 132, 96], [38, 28, 82], "Y/92");
    let water: Paint = std::array::from_fn(|i| {
        let light = [255, 214, 150][i];
        format!("{ripple};{road};clip({}*(0.82+0.18*ld(0))+{light}*0.85*ld(1)*ld(0)*ld(0),0,255)", dark[i])
    });
    let water = moving(60, 100, &water) + &softly_scaled(WIDTH, HEIGHT - shore);
    stack(
        still(WIDTH, HEIGHT, &sky([54, 32, 96], [214, 84, 92], [255, 206, 120], shore)),
        &[
            (sun, place(centre as i32 - 144, format!("{}+t*9", shore as i32 - 144 - 78))),
            (format!("{clouds},scroll=h=0.0004"), place(0, 70)),
            (water, place(0, shore)),
        ],
    )
}

pub fn mountains(dice: &mut Dice) -> String {
    let sun = glowing_disc(34, [255, 250, 226]);
    let mut layers = vec![(sun, place(dice.below(160), dice.between(20, 80)))];
    let shades: [Rgb; 5] = [[166, 186, 212], [122, 150, 186], [82, 116, 150], [46, 82, 108], [18, 44, 60]];
    for (depth, shade) in shades.into_iter().enumerate() {
        let height = 380 - depth * 40;
        let outline = ridge(dice, 720, 90, 62);
        let haze = blend(shade, [214, 222, 232], &format!("(Y-90)/{}", 900 - depth * 100));
        let hills = layer(720, height, &haze, &format!("Y-({outline})"));
        let speed = [2, 5, 10, 18, 30][depth];
        layers.push((format!("{hills},scroll=h={speed}/10000"), place(0, HEIGHT - height)));
    }
    stack(still(WIDTH, HEIGHT, &sky([92, 148, 214], [190, 212, 232], [255, 226, 196], 420)), &layers)
}

/// One row of houses with lit windows, repeating every 720 pixels.
fn houses(dice: &mut Dice, wall: Rgb, lamp: Rgb, house: usize, lit_percent: usize, lowest: usize) -> String {
    let salt = dice.between(1, 900);
    let column = format!("floor(X/{house})");
    let roof = format!("({lowest}-{}*150)", hash(&format!("({column}*12.9898+{salt})")));
    let window = hash(&format!("(floor(X/9)*12.9898+floor(Y/14)*78.233+{salt})"));
    let glass =
        format!("between(mod(X,9),2,6)*between(mod(Y,14),3,10)*gt(Y,{roof}+6)*between(mod(X,{house}),4,{})", house - 6);
    let lit = choose(&format!("lt({window},{lit_percent}/100)"), &flat(lamp), &flat(wall.map(|level| level + 9)));
    let seam = format!("lt(mod(X,{house}),1)");
    let front = choose(&seam, &flat(wall.map(|level| level / 2)), &flat(wall));
    layer(720, 420, &choose(&glass, &lit, &front), &format!("gte(Y,{roof})"))
}

pub fn skyline(dice: &mut Dice) -> String {
    let far = houses(dice, [38, 38, 84], [150, 130, 150], 36, 30, 190);
    let near = houses(dice, [14, 14, 34], [255, 206, 110], 72, 42, 250);
    let stars = layer(WIDTH, 300, &flat([255, 255, 255]), &format!("1.3-{}", dot_distance(30, 45, dice.below(900))));
    stack(
        still(WIDTH, HEIGHT, &sky([10, 12, 44], [58, 38, 104], [226, 108, 122], 560)),
        &[
            (stars, place(0, 0)),
            (glowing_disc(26, [255, 246, 214]), place(dice.between(20, 180), dice.between(20, 60))),
            (format!("{far},scroll=h=0.0009"), place(0, HEIGHT - 440)),
            (format!("{near},scroll=h=0.0026"), place(0, HEIGHT - 400)),
        ],
    )
}

/// Firs of one size side by side on a ridge, repeating every 720 pixels.
fn firs(dice: &mut Dice, shade: Rgb, width: usize, height: usize) -> String {
    let salt = dice.between(1, 900);
    let tall = hash(&format!("(floor(X/{width})*12.9898+{salt})"));
    let top = format!("(20+{height}*0.5*{tall})");
    let from_stem = format!("abs(mod(X,{width})-{}/2)", width);
    // Boughs: the outline steps inwards five times on its way down.
    let reach = format!("((Y-{top})*0.24+mod(Y-{top},{height}/5)*0.3-4)");
    let ground = format!("(20+{height}*1.25+6*sin(X*2*PI/360))");
    let snow = blend([226, 236, 250], shade, &format!("mod(Y-{top},{height}/5)/9"));
    let cover = format!("max({reach}-{from_stem},Y-{ground})");
    let drift = choose(&format!("gt(Y,{ground})"), &flat([216, 228, 246]), &snow);
    layer(720, height * 2, &drift, &cover)
}

pub fn snow(dice: &mut Dice) -> String {
    let mut layers = vec![(glowing_disc(30, [250, 250, 240]), place(dice.between(40, 170), 30))];
    for (shade, width, height, y, speed) in [([70, 96, 136], 48, 120, 330, 4), ([22, 46, 74], 90, 190, 370, 9)] {
        layers.push((format!("{},scroll=h={speed}/10000", firs(dice, shade, width, height)), place(0, y)));
    }
    for (cell, radius, fall) in [(24, 1, 14), (40, 2, 26), (80, 4, 48)] {
        let flakes = format!("({radius}-{})*0.6+0.5", dot_distance(cell, 55, dice.below(900)));
        let cover = layer(720, 640, &flat([255, 255, 255]), &format!("0.9*clip({flakes},0,1)"));
        layers.push((format!("{cover},scroll=v=-{fall}/10000:h={}/10000", fall / 5), place(0, 0)));
    }
    stack(still(WIDTH, HEIGHT, &sky([16, 26, 66], [62, 92, 150], [186, 206, 232], 460)), &layers)
}

pub fn aurora(dice: &mut Dice) -> String {
    let phase = dice.below(628);
    // Two curtains: a bright lower edge that wanders, rays above it that fade upwards.
    let curtain = |edge: usize, swing: usize, speed: usize, reach: usize| {
        let foot = format!("({edge}+{swing}*sin(X/14+T*{speed}/100+{phase}/100)+{swing}/2*sin(X/6-T*{speed}/70))");
        let above = format!("({foot}-Y)");
        let rays = format!("(0.62+0.38*sin(X*1.3+3*sin(X/5+T)+T*{speed}/40))");
        format!("if(gt({above},0),exp(-{above}/{reach}),exp({above}/2.2))*{rays}")
    };
    // Two curtains are computed, as red and green, and then mixed into the three colours.
    let (low, high) = (curtain(82, 9, 70, 26), curtain(58, 7, 50, 20));
    let curtains = [format!("250*{low}"), format!("250*{high}"), "30".to_owned()];
    let mix = "colorchannelmixer=rr=0.2:rg=0.5:rb=0.2:gr=0.9:gg=0.3:gb=0.4:br=0.45:bg=0.75:bb=1";
    let glow = format!("{},{mix}{}", moving(60, 107, &curtains), softly_scaled(WIDTH, HEIGHT));
    let stars = layer(WIDTH, 480, &flat([255, 255, 255]), &format!("0.9*(1.4-{})", dot_distance(26, 50, phase)));
    let outline = ridge(dice, 720, 90, 60);
    let hills = layer(720, 230, &flat([6, 10, 22]), &format!("Y-({outline})"));
    stack(glow, &[(stars, place(0, 0)), (format!("{hills},scroll=h=0.0005"), place(0, HEIGHT - 230))])
}
