//! Equal parts of a query: each is evaluated once and kept for the others.
//!
//! ```text
//! rate(x[5m]) / on () group_left () sum(rate(x[5m]))
//! └─ shared ─┘                          └─ shared ─┘
//! ```
//!
//! Equal are parts that ask the same of the same selections at the same steps, wherever they stand in the query. Those
//! within a subquery or within what is evaluated once are no equals of those outside, though: their samples count in
//! sum, not step by step.

use super::node::{Grid, Node, RangeArg, RangeSource, Selector, Shared, Sides};

/// More nodes than this are not compared with each other: a query that long is a machine's.
const NODES_MAX: usize = 500;

/// A node of the plan, in the order in which it is walked.
struct Place<'n> {
    node: &'n Node,
    /// The steps it is evaluated at.
    grid: Grid,
    /// Whether its samples count in sum.
    in_sum: bool,
    /// Whether what stands above takes any node in its place.
    may_be_shared: bool,
    /// How many nodes it is, itself included.
    size: usize,
}

/// Marks the equal parts of a plan that is evaluated at `grid`.
pub(super) fn share(root: &mut Node, grid: Grid) {
    let mut places = Vec::new();
    walk(root, (grid, false), false, &mut places);
    if places.len() > NODES_MAX {
        return;
    }
    let slots = slots(&places);
    if slots.iter().any(Option::is_some) {
        mark(root, grid, &slots, &mut 0);
    }
}

fn walk<'n>(node: &'n Node, (grid, in_sum): (Grid, bool), may_be_shared: bool, places: &mut Vec<Place<'n>>) {
    let at = places.len();
    places.push(Place {
        node,
        grid,
        in_sum,
        may_be_shared,
        size: 1,
    });
    for (part, grid, may_be_shared) in parts(node, grid) {
        let in_sum = in_sum || matches!(node, Node::Range(_) | Node::Invariant { .. });
        walk(part, (grid, in_sum), may_be_shared, places);
    }
    places[at].size = places.len() - at;
}

/// For each place the slot that it shares, and among how many.
fn slots(places: &[Place<'_>]) -> Vec<Option<(usize, usize)>> {
    let mut class: Vec<Option<usize>> = vec![None; places.len()];
    // What lies within a repetition is not evaluated there.
    let mut is_evaluated = vec![true; places.len()];
    let mut classes = 0;
    for (at, place) in places.iter().enumerate() {
        if !place.may_be_shared || class[at].is_some() || !is_evaluated[at] || !selects(place.node) {
            continue;
        }
        for (later_at, later) in places.iter().enumerate().skip(at + place.size) {
            if is_evaluated[later_at]
                && later.may_be_shared
                && later.size == place.size
                && (later.grid, later.in_sum) == (place.grid, place.in_sum)
                && is_same(place.node, later.node)
            {
                class[at] = Some(classes);
                class[later_at] = Some(classes);
                is_evaluated[later_at + 1..later_at + later.size].fill(false);
            }
        }
        classes += usize::from(class[at].is_some());
    }
    let mut uses = vec![0; classes];
    for class in class
        .iter()
        .zip(&is_evaluated)
        .filter_map(|(class, is)| class.filter(|_| *is))
    {
        uses[class] += 1;
    }
    let shared = |(class, is_evaluated): (Option<usize>, bool)| {
        let class = class.filter(|&class| is_evaluated && uses[class] > 1)?;
        Some((class, uses[class]))
    };
    class.into_iter().zip(is_evaluated).map(shared).collect()
}

/// Wraps the places that have a slot; `at` counts nodes as [`walk`] does.
fn mark(node: &mut Node, grid: Grid, slots: &[Option<(usize, usize)>], at: &mut usize) {
    let slot = slots.get(*at).copied().flatten();
    *at += 1;
    for (part, grid) in parts_mut(node, grid) {
        mark(part, grid, slots, at);
    }
    if let Some((slot, uses)) = slot {
        let whole = std::mem::replace(node, Node::Number(0.0));
        *node = Node::Shared(Box::new(Shared {
            node: whole,
            slot,
            uses,
        }));
    }
}

/// The parts of a node, the steps they are evaluated at, and whether the node takes any node in their place.
fn parts(node: &Node, grid: Grid) -> Vec<(&Node, Grid, bool)> {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Vector(_) | Node::Shared(_) => Vec::new(),
        Node::Range(range) => match &range.source {
            RangeSource::Selector(_) => Vec::new(),
            RangeSource::Subquery { node, grid } => vec![(&**node, *grid, true)],
        },
        Node::Invariant { node, grid } => vec![(&**node, *grid, false)],
        Node::Plus(node) | Node::Negate(node) => vec![(&**node, grid, true)],
        Node::Binary(binary) => vec![(&binary.left, grid, true), (&binary.right, grid, true)],
        Node::Aggregate(aggregate) => {
            let param = aggregate.param.iter().map(|param| (param, grid, false));
            param.chain([(&aggregate.node, grid, true)]).collect()
        }
        // Functions look at what their arguments are.
        Node::Call(call) => {
            let is_plain = |arg: &Node| !matches!(arg, Node::Vector(_) | Node::Range(_));
            call.args.iter().map(|arg| (arg, grid, is_plain(arg))).collect()
        }
        Node::Info(info) => vec![(&info.base, grid, false)],
    }
}

/// As [`parts`], in the same order.
fn parts_mut(node: &mut Node, grid: Grid) -> Vec<(&mut Node, Grid)> {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Vector(_) | Node::Shared(_) => Vec::new(),
        Node::Range(range) => match &mut range.source {
            RangeSource::Selector(_) => Vec::new(),
            RangeSource::Subquery { node, grid } => vec![(&mut **node, *grid)],
        },
        Node::Invariant { node, grid } => vec![(&mut **node, *grid)],
        Node::Plus(node) | Node::Negate(node) => vec![(&mut **node, grid)],
        Node::Binary(binary) => vec![(&mut binary.left, grid), (&mut binary.right, grid)],
        Node::Aggregate(aggregate) => {
            let param = aggregate.param.iter_mut().map(|param| (param, grid));
            param.chain([(&mut aggregate.node, grid)]).collect()
        }
        Node::Call(call) => call.args.iter_mut().map(|arg| (arg, grid)).collect(),
        Node::Info(info) => vec![(&mut info.base, grid)],
    }
}

/// Whether it is a vector for which storage is asked.
fn selects(node: &Node) -> bool {
    !node.is_scalar() && asks_storage(node)
}

fn asks_storage(node: &Node) -> bool {
    match node {
        Node::Vector(_) => true,
        Node::Range(range) => match &range.source {
            RangeSource::Selector(_) => true,
            RangeSource::Subquery { node, .. } => asks_storage(node),
        },
        other => {
            let anywhere = Grid {
                start_ms: 0,
                end_ms: 0,
                step_ms: 1,
            };
            parts(other, anywhere).iter().any(|(part, ..)| asks_storage(part))
        }
    }
}

/// Whether both ask the same, wherever they stand.
fn is_same(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::Number(a), Node::Number(b)) => a.to_bits() == b.to_bits(),
        (Node::Text(a), Node::Text(b)) => a == b,
        (
            Node::Invariant {
                node: a,
                grid: a_grid,
            },
            Node::Invariant {
                node: b,
                grid: b_grid,
            },
        ) => a_grid == b_grid && is_same(a, b),
        (Node::Vector(a), Node::Vector(b)) => is_same_selector(a, b),
        (Node::Range(a), Node::Range(b)) => is_same_range(a, b),
        (Node::Plus(a), Node::Plus(b)) | (Node::Negate(a), Node::Negate(b)) => is_same(a, b),
        (Node::Binary(a), Node::Binary(b)) => {
            (a.op, a.return_bool) == (b.op, b.return_bool)
                && is_same_sides(&a.sides, &b.sides)
                && is_same(&a.left, &b.left)
                && is_same(&a.right, &b.right)
        }
        (Node::Aggregate(a), Node::Aggregate(b)) => {
            let is_same_param = match (&a.param, &b.param) {
                (Some(a), Some(b)) => is_same(a, b),
                (None, None) => true,
                _ => false,
            };
            (a.op, a.without, &a.grouping) == (b.op, b.without, &b.grouping)
                && is_same_param
                && is_same(&a.node, &b.node)
        }
        (Node::Call(a), Node::Call(b)) => {
            a.function == b.function
                && a.args.len() == b.args.len()
                && a.args.iter().zip(&b.args).all(|(a, b)| is_same(a, b))
        }
        _ => false,
    }
}

fn is_same_selector(a: &Selector, b: &Selector) -> bool {
    (a.selection, a.shift, a.read_through_ms) == (b.selection, b.shift, b.read_through_ms)
        && (a.extension, a.skips_buckets) == (b.extension, b.skips_buckets)
}

fn is_same_range(a: &RangeArg, b: &RangeArg) -> bool {
    (a.range_ms, a.shift) == (b.range_ms, b.shift)
        && match (&a.source, &b.source) {
            (RangeSource::Selector(a), RangeSource::Selector(b)) => is_same_selector(a, b),
            (
                RangeSource::Subquery {
                    node: a,
                    grid: a_grid,
                },
                RangeSource::Subquery {
                    node: b,
                    grid: b_grid,
                },
            ) => a_grid == b_grid && is_same(a, b),
            _ => false,
        }
}

fn is_same_sides(a: &Sides, b: &Sides) -> bool {
    match (a, b) {
        (Sides::Scalars, Sides::Scalars)
        | (Sides::VectorScalar, Sides::VectorScalar)
        | (Sides::ScalarVector, Sides::ScalarVector) => true,
        (Sides::Vectors(a), Sides::Vectors(b)) => a == b,
        _ => false,
    }
}
