//! Things: a cat, a donut, a basketball, an editor full of code, fish.

use super::super::dice::Dice;
use super::{
    HEIGHT, RATE, Rgb, WIDTH, blend, choose, dot_distance, flat, hash, layer, place, smooth_layer, stack, still,
};

/// Polka dots on a plain ground, sliding slowly.
fn polka(ground: Rgb, dot: Rgb) -> String {
    let inside = "lt(hypot(mod(X+30*mod(floor(Y/60),2),60)-30,mod(Y,60)-30),11)";
    format!("{},scroll=h=0.002:v=0.0015", still(WIDTH, 720, &choose(inside, &flat(dot), &flat(ground))))
        + &format!(",crop={WIDTH}:{HEIGHT}:0:0")
}

fn ellipse(x: i32, y: i32, rx: i32, ry: i32) -> String {
    format!("lt(hypot((X-{x})/{rx},(Y-{y})/{ry}),1)")
}

/// The lower half of a circle's line: a closed eye, a smile.
fn smile(x: i32, y: i32, radius: i32) -> String {
    format!("lt(abs(hypot(X-{x},Y-{y})-{radius}),2.2)*gt(Y,{y})")
}

pub fn cat(dice: &mut Dice) -> String {
    let furs: [(Rgb, Rgb); 4] = [
        ([240, 168, 92], [206, 122, 54]),
        ([150, 152, 164], [104, 106, 120]),
        ([62, 58, 70], [40, 36, 46]),
        ([248, 236, 220], [222, 198, 170]),
    ];
    let (fur, stripe) = furs[dice.below(furs.len())];
    let ink = flat([44, 32, 36]);
    let ear = |x: i32, top: i32, low: i32, slope: &str| format!("lt(abs(X-{x}),(Y-{top})*{slope})*lt(Y,{low})");
    let head = ellipse(180, 190, 122, 100);
    let body = ellipse(180, 500, 130, 240);
    let ears = format!("{}+{}", ear(104, 44, 150, "0.42"), ear(256, 44, 150, "0.42"));
    let stripes = "lt(Y,142)*(lt(abs(X-180),7)+lt(abs(X-152),5)*lt(Y,130)+lt(abs(X-208),5)*lt(Y,130))*gt(Y,96)\
         +lt(mod(Y,44),15)*gt(Y,320)*gt(abs(X-180),64)";
    let whiskers = "(lt(abs(Y-216-(abs(X-180)-70)*0.14),1.3)+lt(abs(Y-230+(abs(X-180)-70)*0.1),1.3))\
                    *between(abs(X-180),72,150)";
    let nose = "between(Y,204,218)*lt(abs(X-180),(219-Y)*0.9)";
    let lines = [smile(167, 222, 13), smile(193, 222, 13), smile(130, 178, 19), smile(230, 178, 19)].join("+");
    let mut coat = choose(stripes, &flat(stripe), &flat(fur));
    coat =
        choose(&format!("{}+{}", ear(104, 74, 150, "0.34"), ear(256, 74, 150, "0.34")), &flat([246, 160, 160]), &coat);
    coat = choose(
        &format!("lt(hypot(X-180,(Y-232)*1.25),44)+{}", ellipse(180, 420, 62, 110)),
        &flat([255, 246, 236]),
        &coat,
    );
    coat = choose("lt(hypot(abs(X-180)-88,Y-222),15)", &flat([248, 156, 140]), &coat);
    // A line under the chin keeps head and body apart.
    coat = choose(&format!("gt(Y,200)*not({head})*lt(hypot((X-180)/126,(Y-194)/104),1)"), &flat(stripe), &coat);
    coat = choose(&format!("{lines}+{whiskers}"), &ink, &choose(nose, &flat([232, 104, 116]), &coat));
    let animal = smooth_layer(WIDTH, 500, &coat, &format!("{head}+{body}+{ears}"));
    let eye = choose("lt(hypot((mod(X,100)-26)/13,(Y-26)/20),1)", &ink, &flat([176, 226, 120]));
    let eye = choose("lt(hypot(mod(X,100)-30,Y-18),5)", &flat([255, 255, 255]), &eye);
    let eyes = smooth_layer(152, 52, &eye, "26-hypot(mod(X,100)-26,Y-26)");
    let nod = "160+7*sin(t*2.4)";
    let (ground, dot) = [([255, 214, 196], [255, 232, 220]), ([190, 226, 236], [214, 238, 244])][dice.below(2)];
    stack(
        polka(ground, dot),
        &[
            (animal, place("4*sin(t*1.2)", nod)),
            (eyes, format!("{}:enable='gt(mod(t+0.7,2.3),0.18)'", place("104+4*sin(t*1.2)", format!("{nod}+152")))),
        ],
    )
}

pub fn donut(dice: &mut Dice) -> String {
    let icings: [Rgb; 4] = [[246, 128, 172], [110, 64, 44], [128, 206, 196], [250, 206, 92]];
    let icing = icings[dice.below(icings.len())];
    let (away, angle) = ("hypot(X-160,Y-160)", "atan2(Y-160,X-160)");
    let iced = format!("between({away},58+4*sin({angle}*4),134+7*sin({angle}*7)+3*sin({angle}*12))");
    let id = format!("(floor(X/21)*12.9898+floor(Y/21)*78.233+{})", dice.between(1, 900));
    let turn = format!("(6.2832*{})", hash(&id));
    let (u, v) = ("(mod(X,21)-10.5)", "(mod(Y,21)-10.5)");
    let sprinkle = format!(
        "lt(abs({u}*cos({turn})+{v}*sin({turn})),6.5)*lt(abs({v}*cos({turn})-{u}*sin({turn})),2.4)*between({away},72,124)"
    );
    let kind = hash(&format!("({id}*3.1)"));
    let mut colours = flat([255, 255, 255]);
    for (limit, colour) in [("0.75", [255, 222, 84]), ("0.5", [92, 196, 255]), ("0.25", [150, 110, 240])] {
        colours = choose(&format!("lt({kind},{limit})"), &flat(colour), &colours);
    }
    // Light falls on the crown of the ring and fades to both edges.
    let crown = format!("abs({away}-98)/52");
    let glaze = blend(icing.map(|level| level.saturating_add(26)), icing.map(|level| level / 10 * 8), &crown);
    let dough = blend([240, 190, 118], [176, 108, 54], &crown);
    let ring = choose(&iced, &choose(&sprinkle, &colours, &glaze), &dough);
    let cover = format!("min(151-{away},{away}-48)");
    let whole = layer(320, 320, &ring, &cover);
    let shadow_cover = "0.35*clip((166-hypot(X-170,Y-170))/16,0,1)*clip((hypot(X-170,Y-170)-36)/16,0,1)";
    let shadow = layer(340, 340, &flat([60, 30, 50]), shadow_cover);
    format!("{whole},split=3[large][small][corner];")
        + &stack(
            polka([255, 236, 214], [255, 224, 190]),
            &[
                ("[small]scale=120:120,rotate=-t:c=black@0".to_owned(), place("-30+8*sin(t)", "40+10*sin(t*1.3)")),
                ("[corner]scale=150:150,rotate=t*0.9:c=black@0".to_owned(), place("250+9*sin(t*1.2)", "500+8*sin(t)")),
                (shadow, place(18, "172+6*sin(t*2)")),
                ("[large]rotate=t*0.7:c=black@0".to_owned(), place(20, "160+6*sin(t*2)")),
            ],
        )
}

pub fn basketball(dice: &mut Dice) -> String {
    let floor_y = 470;
    let plank = hash("(floor(X/30)*12.9898+floor((Y+97*mod(floor(X/30),7))/160)*78.233)");
    let wood: [String; 3] = [(212, 22), (150, 24), (88, 22)].map(|(base, swing)| format!("({base}+{swing}*{plank})"));
    let line = format!("lt(abs(Y-{}),4)+lt(abs(hypot(X-180,(Y-640)*1.6)-150),4)", floor_y + 12);
    let court = choose(&line, &flat([250, 246, 236]), &wood);
    let walls: [Rgb; 3] = [[34, 58, 110], [94, 38, 70], [30, 88, 84]];
    let wall = walls[dice.below(walls.len())];
    let rays = choose("lt(mod(atan2(Y-470,X-180)*12/PI+24,2),1)", &flat(wall), &flat(wall.map(|level| level + 16)));
    let scene = choose(&format!("lt(Y,{floor_y})"), &rays, &court);
    let seams =
        "lt(abs(X-85),2.5)+lt(abs(Y-85),2.5)+lt(abs(hypot(X-205,Y-85)-90),2.5)+lt(abs(hypot(X+35,Y-85)-90),2.5)";
    let leather = blend([250, 156, 66], [176, 76, 20], "hypot(X-62,Y-56)/130");
    let ball = layer(170, 170, &choose(seams, &flat([50, 26, 18]), &leather), "80-hypot(X-85,Y-85)");
    // One bounce lasts PI/4 seconds, as in the sound: a parabola between two touches of the floor.
    let beat = "(mod(t,0.7854)/0.7854)";
    let x = "95+85*sin(t*1.1)";
    let shadow = layer(150, 40, &flat([40, 20, 10]), "0.5*(1-pow(hypot((X-75)/75,(Y-20)/20),2))");
    stack(
        still(WIDTH, HEIGHT, &scene),
        &[
            (shadow, place(format!("{x}+10"), 560)),
            (format!("{ball},rotate=t*2.6:c=black@0"), place(x, format!("418-1480*{beat}*(1-{beat})"))),
        ],
    )
}

pub fn code(dice: &mut Dice) -> String {
    let salt = dice.between(1, 900);
    let line = "floor(Y/20)";
    let random = |factor: &str| hash(&format!("({line}*12.9898*{factor}+{salt})"));
    let indent = format!("(48+18*floor(4*{}))", random("1.0"));
    let end = format!("({indent}+60+200*{})", random("1.9"));
    let word = format!("(floor((X-{indent})/(22+34*{}))*78.233+{line}*12.9898+{salt})", random("2.7"));
    let gap = format!("lt(mod(X-{indent},22+34*{}),6)", random("2.7"));
    let kind = hash(&word);
    let mut colours = flat([214, 222, 235]);
    for (limit, colour) in
        [("0.72", [130, 170, 255]), ("0.54", [195, 232, 141]), ("0.36", [199, 146, 234]), ("0.2", [247, 140, 108])]
    {
        colours = choose(&format!("lt({kind},{limit})"), &flat(colour), &colours);
    }
    let blank = format!("lt({},0.12)", random("3.3"));
    let bar = format!("between(mod(Y,20),6,15)*between(X,{indent},{end})*not({gap})*not({blank})");
    let number = "between(mod(Y,20),8,13)*between(X,12,26)";
    let page = choose(&bar, &colours, &choose(number, &flat([70, 78, 104]), &flat([24, 28, 44])));
    let text = format!("{},scroll=v=0.0016,crop={WIDTH}:{HEIGHT}:0:0", still(WIDTH, 1280, &page));
    let light = |x: i32| ellipse(x, 24, 8, 8);
    let mut head = flat([38, 43, 64]);
    for (x, colour) in [(24, [255, 95, 86]), (50, [255, 189, 46]), (76, [39, 201, 63])] {
        head = choose(&light(x), &flat(colour), &head);
    }
    let tab = choose(
        "between(X,110,240)*gt(Y,10)",
        &choose("between(X,126,210)*between(Y,26,34)", &flat([160, 170, 200]), &flat([24, 28, 44])),
        &head,
    );
    let bright = format!("color=0x82aaff:s={WIDTH}x20:r={RATE},format=yuva420p,colorchannelmixer=aa=0.12");
    let cursor = format!("color=white:s=3x18:r={RATE}");
    stack(
        text,
        &[
            (bright, place(0, 340)),
            (cursor, format!("{}:enable='lt(mod(t,0.8),0.45)'", place("120+mod(floor(t*9)*9,190)", 341))),
            (still(WIDTH, 48, &tab), place(0, 0)),
        ],
    )
}

/// A fish that looks to the right, 120 by 70 pixels.
fn one_fish(body: Rgb, band: Rgb) -> String {
    let shape = format!(
        "{}+lt(abs(Y-35),(34-X)*0.9)*gt(X,4)*lt(X,34)+lt(abs(X-62),(Y-2)*0.9)*lt(Y,20)",
        ellipse(70, 35, 44, 24)
    );
    let mut scales =
        choose("lt(abs(X-58-pow((Y-35)/9,2)),6)+lt(abs(X-88-pow((Y-35)/9,2)),5)", &flat(band), &flat(body));
    scales = choose(&ellipse(99, 29, 7, 7), &flat([255, 255, 255]), &scales);
    scales = choose(&ellipse(101, 29, 4, 4), &flat([20, 20, 30]), &scales);
    smooth_layer(120, 70, &scales, &shape)
}

pub fn fish(dice: &mut Dice) -> String {
    let water = blend([64, 190, 214], [6, 40, 92], "Y/640");
    let shafts = layer(
        720,
        HEIGHT,
        &flat([220, 255, 250]),
        "0.3*(1-Y/560)*pow(0.5+0.5*sin((X+Y*0.35)*2*PI/144+sin((X+Y*0.35)*2*PI/360)*2),3)",
    );
    // Stalks of kelp, each as high as its hash, bent by a wave that runs along it.
    let bent = "(X+7*sin(Y/17))";
    let top = format!("(150*{})", hash(&format!("(floor({bent}/24)*12.9898+{})", dice.between(1, 900))));
    let stalk = format!("lt(abs(mod({bent},24)-12),min((Y-{top})/7,4+4*abs(sin(Y/9))))");
    let sand = "gt(Y,190+7*sin(X*2*PI/180)+5*sin(X*2*PI/72))";
    let bottom = choose(
        sand,
        &blend([226, 206, 150], [150, 128, 96], "(Y-180)/70"),
        &blend([30, 150, 110], [8, 70, 76], "Y/190"),
    );
    let weed = layer(720, 240, &bottom, &format!("{stalk}+{sand}"));
    let mut layers = vec![(format!("{shafts},scroll=h=0.0006"), place(0, 0))];
    for (cell, radius, rise) in [(36, 3, 20), (72, 7, 34)] {
        let away = dot_distance(cell, 40, dice.below(900));
        let rim = format!("0.75*(1.4-abs({away}-{radius}))+0.16*lt({away},{radius})");
        layers
            .push((format!("{},scroll=v={rise}/10000", layer(WIDTH, 648, &flat([230, 250, 255]), &rim)), place(0, 0)));
    }
    let kinds: [(Rgb, Rgb); 3] =
        [([255, 138, 40], [255, 250, 240]), ([255, 220, 70], [60, 90, 200]), ([240, 100, 140], [255, 220, 230])];
    for (number, y) in [150, 265, 360, 455].into_iter().enumerate() {
        let (body, band) = kinds[(number + dice.below(2)) % kinds.len()];
        let (size, speed, start) = (dice.between(90, 150), dice.between(45, 90), dice.below(360));
        let swim = format!("{},scale={size}:-2", one_fish(body, band));
        let (swim, x) = match number % 2 {
            0 => (swim, format!("mod({start}+t*{speed},520)-150")),
            _ => (format!("{swim},hflip"), format!("370-mod({start}+t*{speed},520)")),
        };
        layers.push((swim, place(x, format!("{y}+9*sin(t*2+{number})"))));
    }
    layers.push((format!("{weed},scroll=h=0.0004"), place(0, HEIGHT - 240)));
    stack(still(WIDTH, HEIGHT, &water), &layers)
}
