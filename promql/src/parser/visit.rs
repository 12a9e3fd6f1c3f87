//! Walking over a tree: each node before its children, children as Prometheus orders them.

use tsdb::model::Matcher;

use super::ast::Expr;

impl Expr {
    /// The expressions directly below; an aggregation's parameter comes after what it aggregates.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (one, two, many): (Option<&Self>, Option<&Self>, &[Self]) = match self {
            Self::Number(_) | Self::Text(_) | Self::Vector(_) | Self::Matrix(_) => (None, None, &[]),
            Self::Subquery(node) => (Some(&node.expr), None, &[]),
            Self::Unary(node) => (Some(&node.expr), None, &[]),
            Self::Paren(node) => (Some(&node.expr), None, &[]),
            Self::Binary(node) => (Some(&node.left), Some(&node.right), &[]),
            Self::Aggregate(node) => (Some(&node.expr), node.param.as_ref(), &[]),
            Self::Call(node) => (None, None, &node.args),
        };
        one.into_iter().chain(two).chain(many)
    }

    /// Calls `visit` for this node and all below it.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// The matchers of all selectors, in the order in which they stand in the text, but for an
    /// aggregation's parameter, which comes after what it aggregates.
    pub fn selectors(&self) -> Vec<&[Matcher]> {
        let mut found = Vec::new();
        self.walk(&mut |expr| match expr {
            Self::Vector(selector) => found.push(selector.matchers.as_slice()),
            Self::Matrix(matrix) => found.push(matrix.selector.matchers.as_slice()),
            _ => {}
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::parser::{ParserOptions, parse_expr};

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        let query = "topk(scalar(k), sum(rate(a[5m]) / b{c='d'})) or rate((-e)[5m:1m])";
        let expr = parse_expr(query, &ParserOptions::default()).expect("the query is valid");
        let names: Vec<_> = expr
            .selectors()
            .iter()
            .map(|matchers| matchers.last().map(|m| m.value().to_owned()))
            .collect();
        assert_eq!(
            names.into_iter().flatten().collect::<Vec<_>>(),
            ["a", "b", "k", "e"]
        );
    }
}
