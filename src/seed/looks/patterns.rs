//! Patterns: a spectrum, a neon road, a kaleidoscope, a flight through stars, a lava lamp, cells that live.

use super::super::dice::Dice;
use super::{
    FOR_EVER, HEIGHT, Paint, RATE, WIDTH, blend, choose, dot_distance, flat, hash, layer, one_frame, place,
    softly_scaled, stack, still,
};

pub fn equalizer(dice: &mut Dice) -> String {
    // 15 bars of 25 lamps: a picture of one pixel a lamp says which are lit, in time with the sound's five notes a second.
    let phase = dice.below(628);
    let swell = format!("abs(sin(X*1.9+T*1.3+{phase}/100)*0.6+sin(X*0.7-T*2.1)*0.4)");
    let height = format!("(3+22*{swell}*(0.5+0.5*exp(-3*mod(T*2.5,1))))");
    let lit = format!(
        "color=black:s=15x25:r={RATE},format=gray,geq=lum='255*gt(Y,25-{height})',scale={WIDTH}:300:flags=neighbor"
    );
    let lamp = "between(mod(X,24),2,21)*between(mod(Y,12),2,9)";
    let rainbow: Paint = [0.0, 2.1, 4.2].map(|turn| format!("({lamp})*(150+105*sin(X/80+{turn}+Y/260))"));
    let dark: Paint = std::array::from_fn(|i| format!("{}+0.13*{}", [14, 10, 28][i], rainbow[i]));
    format!(
        "{lit}[lit];{}[bright];[bright][lit]alphamerge[bright];{}[dark];[dark][bright]overlay,pad={WIDTH}:320:0:20:0x0e0a1c,\
         format=gbrp,split[up][down];[down]vflip,colorchannelmixer=rr=0.4:gg=0.4:bb=0.5[mirror];[up][mirror]vstack",
        still(WIDTH, 300, &rainbow),
        still(WIDTH, 300, &dark)
    )
}

pub fn synthwave(dice: &mut Dice) -> String {
    let horizon = 350;
    let sky = blend([22, 8, 52], [190, 40, 130], &format!("pow(Y/{horizon},1.6)"));
    let stars = layer(WIDTH, 260, &flat([255, 255, 255]), &format!("1.3-{}", dot_distance(30, 45, dice.below(900))));
    let gaps = "gt(mod(Y*0.055+0.1,1),0.18+0.0022*(220-Y))+lt(Y,110)";
    let sun =
        layer(240, 240, &blend([255, 232, 92], [255, 44, 140], "Y/230"), &format!("({gaps})*(116-hypot(X-120,Y-120))"));
    let peaks =
        layer(720, 70, &blend([60, 16, 90], [20, 6, 40], "Y/70"), "Y-20-34*abs(sin(X*2*PI/144))*abs(cos(X*2*PI/240))");
    // The floor is drawn square, slides towards the viewer and is tilted into perspective last.
    let wire = "clip(2.6-min(abs(mod(X,60)-30),abs(mod(Y,64)-32)),0,1)";
    let floor = still(1200, 384, &blend([24, 6, 46], [255, 70, 220], wire));
    let tilt =
        "perspective=x0=390:y0=0:x1=810:y1=0:x2=-3200:y2=384:x3=4400:y3=384:sense=destination:interpolation=linear";
    let road = format!(
        "{floor},scroll=v=-0.009,format=yuv444p,{tilt},crop={WIDTH}:384:420:0,scale={WIDTH}:{}",
        HEIGHT - horizon
    );
    stack(
        still(WIDTH, HEIGHT, &sky),
        &[
            (stars, place(0, 0)),
            (sun, place(60, horizon - 205)),
            (format!("{peaks},scroll=h=0.0004"), place(0, horizon - 69)),
            (road, place(0, horizon)),
        ],
    )
}

pub fn kaleidoscope(dice: &mut Dice) -> String {
    let folds = dice.between(3, 6) * 2;
    let (away, angle) = ("hypot(X-300,Y-300)", "atan2(Y-300,X-300)");
    let petal = format!("({away}/34+1.6*sin({angle}*{folds}+{away}/47))");
    let ring = hash(&format!("(floor({petal})*12.9898+{})", dice.between(1, 900)));
    let edge = format!("(0.55+0.45*sin(PI*mod({petal},1)))");
    let paint: Paint = [0.0, 0.9, 1.9].map(|turn| format!("{edge}*(150+90*sin(4*{ring}+{turn}+sin({angle}*2)))"));
    let table = still(600, 600, &paint);
    format!(
        "{table},rotate=t*0.35,crop=180:320:x='210+80*sin(t*0.7)':y='140+60*cos(t*0.9)',split[left][right];\
         [right]hflip[flipped];[left][flipped]hstack,split[top][bottom];[bottom]vflip[upturned];[top][upturned]vstack"
    )
}

pub fn warp(dice: &mut Dice) -> String {
    // Stars and nebula are drawn with angle across and depth down; `remap` bends that sheet around the middle, where
    // depth falls with the logarithm of the distance, so that a steady scroll is a steady flight.
    let star = format!("1.15*clip(1.7-{},0,1)", dot_distance(16, 42, dice.below(900)));
    let cloud = "(0.5+0.5*sin(X*2*PI/360+2*sin(Y*2*PI/320))*sin(Y*2*PI/640*3+2*sin(X*2*PI/720)))";
    let sheet: Paint = [(120, 20), (40, 34), (220, 60)]
        .map(|(nebula, ground)| format!("clip({ground}*0.4+{nebula}*pow({cloud},3)+255*{star},0,255)"));
    let map =
        |expression: &str| format!("{},format=gray16le,geq=lum='{expression}',{FOR_EVER}", one_frame(WIDTH, HEIGHT));
    let across = map("mod((atan2(Y-320,X-180)+PI)/(2*PI)*720,719)");
    let depth = map("clip(log(1+hypot(X-180,Y-320)/14)/log(1+367/14)*639,0,639)");
    let tunnel = format!("{},scroll=v=-0.006:h=0.0004[sheet];{across}[across];{depth}[depth]", still(720, 640, &sheet));
    let glow = layer(WIDTH, HEIGHT, &flat([236, 240, 255]), "0.95*exp(-hypot(X-180,Y-320)/26)");
    format!("{tunnel};[sheet][across][depth]remap[tunnel];{glow}[glow];[tunnel][glow]overlay")
}

pub fn lava(dice: &mut Dice) -> String {
    let mut heat = String::from("0");
    for _ in 0..7 {
        let (x, size, speed, phase) =
            (dice.between(12, 48), dice.between(80, 170), dice.between(25, 70), dice.below(628));
        let middle_x = format!("{x}+8*sin(T*{speed}/90+{phase}/50)");
        let middle_y = format!("53+52*sin(T*{speed}/100+{phase}/100)");
        heat += &format!("+{size}/(8+pow(X-({middle_x}),2)+pow(Y-({middle_y}),2))");
    }
    // The heat is small and soft; a steep step through it gives the blobs a rim that is sharp and yet smooth.
    let ground = blend([44, 10, 74], [120, 20, 90], "Y/640");
    let wax = blend([255, 214, 92], [255, 64, 92], "1-Y/640");
    let mask = format!(
        "color=black:s=60x107:r={RATE},format=gray,geq=lum='clip(120*({heat}),0,255)'{},lut=y='clip((val-110)*9,0,255)'",
        softly_scaled(WIDTH, HEIGHT)
    );
    format!(
        "{}[ground];{}[wax];{mask}[mask];[wax][mask]alphamerge[blobs];[ground][blobs]overlay",
        still(WIDTH, HEIGHT, &ground),
        still(WIDTH, HEIGHT, &wax)
    )
}

pub fn life(dice: &mut Dice) -> String {
    // Twelve generations a second; what dies glows and fades. The first second, mere noise, is left out.
    let cells = format!(
        "life=s=45x80:r=12.5:ratio=0.35:seed={}:mold=9:death_color=0x8a4dff:life_color=0xa8ffd6:mold_color=0x0c0824",
        dice.between(1, 90_000)
    );
    let joints = choose("lt(mod(X,8),1)+lt(mod(Y,8),1)", &flat([12, 8, 36]), &flat([0, 0, 0]));
    let grid = layer(WIDTH, HEIGHT, &joints, "0.85*clip(lt(mod(X,8),1)+lt(mod(Y,8),1),0,1)");
    stack(
        format!("{cells},trim=start_frame=13,setpts=PTS-STARTPTS,fps={RATE},scale={WIDTH}:{HEIGHT}:flags=neighbor"),
        &[(grid, place(0, 0))],
    )
}
