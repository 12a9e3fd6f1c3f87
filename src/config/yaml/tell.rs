//! How go-yaml tells mistakes: those of shape together, each with its line; any other ends it at once.

use std::cmp::Reverse;

use super::mistake::Mistake;

/// The beginnings of what go-yaml gathers.
const SHAPES: [&str; 4] = ["field ", "cannot unmarshal", "mapping key", "key "];

/// The beginnings of what go-yaml says itself and ends with.
const ENDS: [&str; 4] = [
    "map merge requires",
    "!!binary value",
    "invalid map key",
    "cannot decode ",
];

/// Whether go-yaml would go on after the mistake.
pub fn is_shape(text: &str) -> bool {
    SHAPES.iter().any(|start| text.starts_with(start))
}

/// A mistake that ends go-yaml.
pub fn told_alone(text: &str) -> String {
    match ENDS.iter().any(|start| text.starts_with(start)) {
        true => format!("yaml: {text}"),
        false => text.to_owned(),
    }
}

/// Mistakes of shape in one text; each with its line.
pub fn told_together<'a>(shapes: impl IntoIterator<Item = (u32, &'a str)>) -> String {
    let mut told = "yaml: unmarshal errors:".to_owned();
    for (line, text) in shapes {
        told.push_str(&format!("\n  line {line}: {text}"));
    }
    told
}

/// The first mistake that ends go-yaml: values are read in the order they stand, a section is checked after
/// its last value.
pub fn first_end(mistakes: &[Mistake]) -> Option<&Mistake> {
    let ends = mistakes.iter().filter(|mistake| !is_shape(&mistake.text));
    let reached = ends.filter(|mistake| is_reached(mistake, mistakes));
    // Of what ends at one place, the inner comes before the outer.
    reached.min_by_key(|mistake| {
        let section = mistake.section;
        let (start, end) = section.map_or((mistake.mark, mistake.mark), |section| {
            (section.start, section.end)
        });
        (end, Reverse(start))
    })
}

/// Whether Go comes to see the mistake: a section that has a value of the wrong shape is never checked.
pub fn is_reached(mistake: &Mistake, all: &[Mistake]) -> bool {
    let Some(section) = mistake.section else {
        return true;
    };
    let mut shapes = all.iter().filter(|other| is_shape(&other.text));
    !shapes.any(|shape| section.holds(shape.mark))
}
