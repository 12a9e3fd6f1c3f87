//! One question and both answers.

use promql::functions::Function;
use promql::parser::{Expr, ParserOptions, parse_expr};
use serde_json::Value;

use crate::compatibility::tally::{Pair, essence};

/// One question and both answers, without what is the machine's own.
pub(in crate::compatibility) struct Case<'a> {
    pub(in crate::compatibility) servers: &'a Pair,
    pub(in crate::compatibility) path: &'a str,
    pub(in crate::compatibility) query: &'a str,
    pub(in crate::compatibility) params: &'a [(&'a str, &'a str)],
    pub(in crate::compatibility) ours: Value,
    pub(in crate::compatibility) theirs: Value,
}

/// The text of an error, empty if there is none.
pub(super) fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

impl Case<'_> {
    pub(super) fn is_range(&self) -> bool {
        self.path.ends_with("query_range")
    }

    pub(super) fn is_text(&self) -> bool {
        self.path.ends_with("parse_query") || self.path.ends_with("format_query")
    }

    /// The query as a tree, if it is one.
    pub(super) fn expr(&self) -> Option<Expr> {
        parse_expr(self.query, &ParserOptions::all()).ok()
    }

    /// Whether some node of the query is like that.
    pub(super) fn has(&self, is_it: impl Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        if let Some(expr) = self.expr() {
            expr.walk(&mut |node| found |= is_it(node));
        }
        found
    }

    /// Whether the query calls one of these.
    pub(super) fn calls(&self, functions: &[Function]) -> bool {
        self.has(|node| matches!(node, Expr::Call(call) if functions.contains(&call.function)))
    }

    /// Both lists of warnings, or of infos: ours and theirs.
    pub(super) fn notes(&self, list: &str) -> [Vec<String>; 2] {
        [&self.ours, &self.theirs].map(|answer| {
            let texts = answer[list].as_array().into_iter().flatten();
            texts
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        })
    }

    /// Puts lists of warnings or infos in place of those that are there.
    pub(super) fn set_notes(&mut self, list: &str, notes: [Vec<String>; 2]) {
        for (answer, mut notes) in [&mut self.ours, &mut self.theirs].into_iter().zip(notes) {
            notes.sort();
            notes.dedup();
            let answer = answer.as_object_mut().expect("answers are objects");
            match notes.is_empty() {
                true => answer.remove(list),
                false => answer.insert(list.to_owned(), notes.into()),
            };
        }
    }

    /// Replaces each of their notes that we do not have by what `leveled` makes of it, if we have that.
    pub(super) fn level_notes(&mut self, leveled: impl Fn(&str) -> Vec<String>) {
        for list in ["warnings", "infos"] {
            let [ours, theirs] = self.notes(list);
            let level = |text: String| {
                if ours.contains(&text) {
                    return text;
                }
                let found = leveled(&text)
                    .into_iter()
                    .find(|candidate| ours.contains(candidate));
                found.unwrap_or(text)
            };
            let theirs = theirs.into_iter().map(level).collect();
            self.set_notes(list, [ours, theirs]);
        }
    }

    /// What both answer where the query is one of its parts: the same question, and over all the data.
    pub(super) fn parts(&self, is_it: impl Fn(&Expr) -> bool) -> Vec<[Value; 2]> {
        let mut texts = Vec::new();
        if let Some(expr) = self.expr() {
            expr.walk(&mut |node| {
                if is_it(node) {
                    let span = node.span();
                    texts.extend(self.query.get(span.start as usize..span.end as usize));
                }
            });
        }
        let everywhere = [
            ("start", crate::compatibility::data::START_S.to_string()),
            ("end", (crate::compatibility::data::START_S + 9_600).to_string()),
            ("step", "30".to_owned()),
        ];
        let everywhere: Vec<(&str, &str)> = everywhere
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut answers = Vec::new();
        for text in texts {
            for (path, params) in [(self.path, self.params), ("/api/v1/query_range", &everywhere)] {
                let mut params = params.to_vec();
                params.push(("query", text));
                let both = [&self.servers.ours, &self.servers.theirs].map(|server| server.get(path, &params));
                answers.push(both.map(|answer| essence(&answer)));
            }
        }
        answers
    }

    /// Whether both servers answer differently when asked a part of the query alone.
    pub(super) fn part_differs(&self, is_it: impl Fn(&Expr) -> bool) -> bool {
        self.parts(is_it).iter().any(|[ours, theirs]| ours != theirs)
    }

    /// Nothing of the answers is compared.
    pub(super) fn excuse(&mut self) {
        self.theirs = self.ours.clone();
    }
}
