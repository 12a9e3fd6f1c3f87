//! `printf`: Go's format language over template values.
//!
//! ```text
//! %[flags][width][.precision]verb      flags + - # 0 space; width and precision may be *
//! ```
//!
//! A verb that does not suit its value is no error: it shows as `%!d(string=text)`, as in Go.

use super::show::{Spec, push_argument};
use super::value::Value;

/// Larger widths and precisions count as mistakes.
const WIDTH_MAX: i64 = 1_000_000;

/// `%v`
pub(super) fn plain(value: &Value) -> String {
    let mut out = String::new();
    push_argument(&mut out, value, 'v', Spec::default());
    out
}

/// `printf pattern values…`
pub(super) fn format(pattern: &str, values: &[Value]) -> String {
    let mut format = Format {
        rest: pattern,
        values,
        next: 0,
        reordered: false,
        after_index: false,
        good_index: true,
        out: String::with_capacity(pattern.len() + 16),
    };
    while let Some(percent) = format.rest.find('%') {
        format.out.push_str(&format.rest[..percent]);
        format.rest = &format.rest[percent + 1..];
        format.directive();
    }
    format.out.push_str(format.rest);
    format.extra();
    format.out
}

struct Format<'a> {
    rest: &'a str,
    values: &'a [Value],
    /// The value that the next verb takes.
    next: usize,
    /// Whether an explicit index was used anywhere.
    reordered: bool,
    after_index: bool,
    good_index: bool,
    out: String,
}

impl Format<'_> {
    fn directive(&mut self) {
        let mut spec = Spec::default();
        self.good_index = true;
        self.after_index = false;
        self.flags(&mut spec);
        self.index();
        if self.take('*') {
            match self.number_argument() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= width >= 0;
                    spec.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            self.after_index = false;
        } else {
            spec.width = self.number();
            if self.after_index && spec.width.is_some() {
                self.good_index = false;
            }
        }
        if self.take('.') {
            if self.after_index {
                self.good_index = false;
            }
            self.index();
            if self.take('*') {
                match self
                    .number_argument()
                    .and_then(|precision| usize::try_from(precision).ok())
                {
                    Some(precision) => spec.precision = Some(precision),
                    None => self.out.push_str("%!(BADPREC)"),
                }
                self.after_index = false;
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.rest.chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return;
        };
        self.rest = &self.rest[verb.len_utf8()..];
        self.verb(verb, spec);
    }

    fn verb(&mut self, verb: char, mut spec: Spec) {
        if verb == '%' {
            self.out.push('%');
        } else if !self.good_index {
            self.out.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                (spec.source, spec.sharp) = (spec.sharp, false);
                (spec.named, spec.plus) = (spec.plus, false);
            }
            push_argument(&mut self.out, value.inner(), verb, spec);
        } else {
            self.out.push_str(&format!("%!{verb}(MISSING)"));
        }
    }

    fn flags(&mut self, spec: &mut Spec) {
        loop {
            match self.rest.as_bytes().first() {
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b'#') => spec.sharp = true,
                Some(b' ') => spec.space = true,
                Some(b'0') => spec.zero = true,
                _ => return,
            }
            self.rest = &self.rest[1..];
        }
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest[..digits]
            .parse()
            .ok()
            .filter(|&n: &i64| n <= WIDTH_MAX)?;
        self.rest = &self.rest[digits..];
        usize::try_from(number).ok()
    }

    /// The value that stands for a `*`.
    fn number_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value.inner() {
            Value::Int(_, n) if n.abs() <= WIDTH_MAX => Some(*n),
            _ => None,
        }
    }

    /// `[2]`: the next value is the second.
    fn index(&mut self) {
        if !self.rest.starts_with('[') {
            return;
        }
        self.reordered = true;
        let Some(close) = self.rest.find(']') else {
            self.good_index = false;
            self.rest = &self.rest[1..];
            return;
        };
        let index = self.rest[1..close].parse::<usize>().ok();
        self.rest = &self.rest[close + 1..];
        match index
            .and_then(|i| i.checked_sub(1))
            .filter(|&i| i < self.values.len())
        {
            Some(index) => {
                self.next = index;
                self.after_index = true;
            }
            None => self.good_index = false,
        }
    }

    /// Values that no verb took.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.values.len() {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (i, value) in self.values[self.next..].iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            let value = value.inner();
            if !matches!(value, Value::Nil) {
                self.out.push_str(value.type_name());
                self.out.push('=');
            }
            push_argument(&mut self.out, value, 'v', Spec::default());
        }
        self.out.push(')');
    }
}
