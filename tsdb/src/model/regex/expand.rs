//! Templates with references to groups: `$1`, `${name}`, `$$`.

use std::ops::Range;

use hashbrown::HashMap;

use super::Regex;

/// A template taken apart for one regular expression: expanding costs no more than what comes out.
#[derive(Clone, Debug)]
pub struct Template {
    text: Box<str>,
    pieces: Vec<Piece>,
    /// For each name that is referred to, the groups of that name.
    named: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    /// A part of the template as it stands.
    Text { from: u32, to: u32 },
    /// What a group matched.
    Group(u32),
    /// What the first of several groups of one name matched that took part.
    Named(u32),
}

impl Template {
    /// What it expands to: parts of the template and of `text`, in order.
    fn parts<'t>(
        &'t self,
        text: &'t str,
        groups: &'t [Option<Range<usize>>],
    ) -> impl Iterator<Item = &'t str> + Clone {
        let matched = |index: usize| groups.get(index).cloned().flatten();
        self.pieces.iter().map(move |piece| match *piece {
            Piece::Text { from, to } => &self.text[from as usize..to as usize],
            Piece::Group(index) => matched(index as usize).map_or("", |range| &text[range]),
            Piece::Named(at) => {
                let found = self.named[at as usize].iter().find_map(|&index| matched(index));
                found.map_or("", |range| &text[range])
            }
        })
    }

    /// How long the expanded template is.
    pub fn expanded_bytes(&self, text: &str, groups: &[Option<Range<usize>>]) -> usize {
        self.parts(text, groups).map(str::len).sum()
    }

    /// Appends the expanded template. `groups` must come from [`Regex::captures`] on the same `text`.
    pub fn expand(&self, text: &str, groups: &[Option<Range<usize>>], into: &mut String) {
        into.extend(self.parts(text, groups));
    }
}

/// One token of a template.
enum Token<'t> {
    Text(&'t str),
    /// The name or number of a group.
    Reference(&'t str),
}

/// The tokens of a template; those without text are left out.
fn tokens(template: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let dollar = rest.find('$').unwrap_or(rest.len());
        if dollar > 0 {
            let (text, behind) = rest.split_at(dollar);
            rest = behind;
            return Some(Token::Text(text));
        }
        let after = rest.strip_prefix('$')?;
        match group_name(after) {
            Some((name, behind)) => {
                rest = behind;
                Some(Token::Reference(name))
            }
            None => {
                let text = &rest[..1];
                rest = after.strip_prefix('$').unwrap_or(after);
                Some(Token::Text(text))
            }
        }
    })
}

impl Regex {
    /// Takes `template` apart as Go's `Regexp.Expand` reads it: `$1`, `${name}`, `$$`; unknown groups are empty.
    ///
    /// A name without braces is as long as can be: `$1x` is the group called `1x`. Of a template of 4 GiB or
    /// more the rest is left out.
    pub fn template(&self, template: &str) -> Template {
        let template = &template[..template.floor_char_boundary(u32::MAX as usize)];
        let mut pieces = Vec::new();
        let mut named: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut all: Option<HashMap<&str, Vec<usize>>> = None;
        for token in tokens(template) {
            pieces.push(match token {
                Token::Text(text) => {
                    // Within the template, which is shorter than 4 GiB.
                    let from = (text.as_ptr() as usize - template.as_ptr() as usize) as u32;
                    let to = from + text.len() as u32;
                    Piece::Text { from, to }
                }
                Token::Reference(name) => match group_number(name) {
                    Some(number) => Piece::Group(u32::try_from(number).unwrap_or(u32::MAX)),
                    None => Piece::Named(*known.entry(name).or_insert_with(|| {
                        let all = all.get_or_insert_with(|| self.groups_by_name());
                        named.push(all.get(name).cloned().unwrap_or_default());
                        // One a name, of which there are fewer than the template has bytes.
                        named.len() as u32 - 1
                    })),
                },
            });
        }
        Template {
            text: template.into(),
            pieces,
            named,
        }
    }

    fn groups_by_name(&self) -> HashMap<&str, Vec<usize>> {
        let mut all: HashMap<&str, Vec<usize>> = HashMap::new();
        for (name, index) in self.inner.group_names.iter().zip(1..) {
            all.entry(name).or_default().push(index);
        }
        all
    }

    /// Expands `template` once, without taking it apart before: see [`Regex::template`].
    pub fn expand(&self, template: &str, text: &str, groups: &[Option<Range<usize>>], into: &mut String) {
        for token in tokens(template) {
            into.push_str(match token {
                Token::Text(text) => text,
                Token::Reference(name) => self.group(name, text, groups),
            });
        }
    }

    /// Replaces all matches in `text` by the expanded `template`, as Go's `Regexp.ReplaceAllString`.
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for groups in self.all_captures(text) {
            let Some(Some(whole)) = groups.first().cloned() else {
                continue;
            };
            out.push_str(&text[copied..whole.start]);
            self.expand(template, text, &groups, &mut out);
            copied = whole.end;
        }
        out.push_str(&text[copied..]);
        out
    }

    /// What a group matched; of several with one name, the first that took part.
    fn group<'t>(&self, name: &str, text: &'t str, groups: &[Option<Range<usize>>]) -> &'t str {
        let matched = |index: usize| groups.get(index).cloned().flatten();
        let range = match group_number(name) {
            Some(number) => matched(number),
            None => {
                let names = self.inner.group_names.iter().zip(1..);
                names
                    .filter(|(n, _)| ***n == *name)
                    .find_map(|(_, index)| matched(index))
            }
        };
        range.map_or("", |range| &text[range])
    }
}

/// A reference by number; with a leading zero it would be a name.
fn group_number(name: &str) -> Option<usize> {
    let plain = name.len() == 1 || !name.starts_with('0');
    let digits = name.bytes().all(|b| b.is_ascii_digit());
    (plain && digits).then(|| name.parse().unwrap_or(usize::MAX))
}

/// Splits a reference (after its `$`) from what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let named = braced.unwrap_or(text);
    let end = named
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(named.len());
    let (name, after) = named.split_at(end);
    let after = match braced {
        Some(_) => after.strip_prefix('}')?,
        None => after,
    };
    (!name.is_empty()).then_some((name, after))
}
