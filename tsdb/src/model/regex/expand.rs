//! Templates with references to groups: `$1`, `${name}`, `$$`.

use std::ops::Range;

use super::Regex;

impl Regex {
    /// Expands `template` as Go's `Regexp.Expand`: `$1`, `${name}`, `$$`; unknown groups are empty.
    ///
    /// A name without braces is as long as can be: `$1x` is the group called `1x`.
    /// `groups` must come from [`Regex::captures`] on the same `text`.
    pub fn expand(&self, template: &str, text: &str, groups: &[Option<Range<usize>>], into: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            into.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                into.push('$');
                rest = after;
            } else if let Some((name, after)) = group_name(after) {
                into.push_str(self.group(name, text, groups));
                rest = after;
            } else {
                into.push('$');
                rest = after;
            }
        }
        into.push_str(rest);
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
