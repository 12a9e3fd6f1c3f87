//! How go-yaml tells mistakes: those of shape together, each with its line; any other ends it at once.

use super::decode::Mistake;

/// The beginnings of what go-yaml gathers.
const SHAPES: [&str; 4] = ["field ", "cannot unmarshal", "mapping key", "key "];

/// The beginnings of what go-yaml says itself and ends with.
const ENDS: [&str; 3] = ["map merge requires", "!!binary value", "invalid map key"];

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

/// The first mistake that ends go-yaml, `mistakes` being in the order found.
pub fn first_end(mistakes: &[Mistake]) -> Option<&Mistake> {
    mistakes.iter().find(|mistake| !is_shape(&mistake.text))
}
