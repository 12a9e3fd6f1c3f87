//! From a pattern's tree to an automaton.

use regex_automata::meta;
use regex_syntax::hir::{Capture, Class, Hir, Look, Repetition};

use super::error::{Complaint, RegexError};
use super::syntax::Node;

/// How large an automaton may become, in bytes; beside it stands one for searching backwards.
///
/// `\pL{500}` fits. A pattern that does not is answered as Go answers its own limit.
const AUTOMATON_BYTES_MAX: usize = 24 << 20;

/// Compiles a tree, between both ends of a text if `anchored`.
pub(super) fn compile(root: &Node, anchored: bool, pattern: &str) -> Result<meta::Regex, RegexError> {
    let config = meta::Config::new().nfa_size_limit(Some(AUTOMATON_BYTES_MAX));
    let compiled = meta::Builder::new()
        .configure(config)
        .build_from_hir(&whole(root, anchored));
    // The tree is right, so size is all that can be wrong.
    compiled.map_err(|_| RegexError::new(Complaint::Large, pattern))
}

/// Compiles, between both ends of a text, a tree that has a [`Shape`](super::shape::Shape).
///
/// Such a tree repeats nothing but `.`, so its automaton is no larger than the pattern deserves.
pub(super) fn unlimited(root: &Node) -> meta::Regex {
    let compiled = meta::Builder::new()
        .configure(meta::Config::new().nfa_size_limit(None))
        .build_from_hir(&whole(root, true));
    compiled.expect("without a limit on its size, every tree has an automaton")
}

fn whole(root: &Node, anchored: bool) -> Hir {
    if anchored {
        Hir::concat(vec![Hir::look(Look::Start), hir(root), Hir::look(Look::End)])
    } else {
        hir(root)
    }
}

/// The tree in the words of `regex_syntax`, whose constructors simplify it on the way.
fn hir(node: &Node) -> Hir {
    match node {
        Node::Empty => Hir::empty(),
        Node::Literal(text) => Hir::literal(text.as_bytes()),
        Node::Class(class) => Hir::class(Class::Unicode(class.clone())),
        Node::Look(look) => Hir::look(*look),
        Node::Repeat {
            min,
            max,
            greedy,
            sub,
        } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: *greedy,
            sub: Box::new(hir(sub)),
        }),
        // Without the name: names may come twice, which the automaton would refuse.
        Node::Capture { index, sub } => Hir::capture(Capture {
            index: *index,
            name: None,
            sub: Box::new(hir(sub)),
        }),
        Node::Concat(subs) => Hir::concat(subs.iter().map(hir).collect()),
        Node::Alternate(subs) => Hir::alternation(subs.iter().map(hir).collect()),
    }
}
