//! Where a query's time goes: at each moment one node of the plan is at work.
//!
//! Series stream, so a node's consumers run while it has not ended. Whoever hands a series on stands still
//! until it comes back: times are each node's own and add up to the whole.
//!
//! ```text
//! sum by (job) (rate(x[5m]))
//!   sum ──▶ rate ─series─▶ sum ──▶ rate ─series─▶ sum ──▶ …
//! ```

use hashbrown::HashMap;

use super::series::Series;
use crate::engine::{Stopwatch, TraceNode};
use crate::parser::Span;
use crate::plan::node::{Node, RangeSource};

/// What was seen of one node.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    own_ns: u64,
    series: u64,
    samples: u64,
    read_samples: u64,
}

/// A node, by where it lies: plans do not move while they are evaluated.
type Key = usize;

fn key(node: &Node) -> Key {
    let node = match node {
        Node::Shared(shared) => &shared.node,
        node => node,
    };
    std::ptr::from_ref(node) as usize
}

/// Times the nodes of one query.
#[derive(Debug)]
pub(crate) struct Tracer {
    stopwatch: Stopwatch,
    at_work: Option<Key>,
    since_ns: u64,
    records: HashMap<Key, Record, foldhash::fast::RandomState>,
}

impl Tracer {
    pub(crate) fn new(stopwatch: Stopwatch) -> Self {
        Self {
            stopwatch,
            at_work: None,
            since_ns: stopwatch(),
            records: HashMap::default(),
        }
    }

    /// From now on another node is at work; returns which was before.
    pub(crate) fn switch(&mut self, to: Option<Key>) -> Option<Key> {
        let now_ns = (self.stopwatch)();
        if let Some(before) = self.at_work {
            self.records.entry(before).or_default().own_ns += now_ns.saturating_sub(self.since_ns);
        }
        self.since_ns = now_ns;
        std::mem::replace(&mut self.at_work, to)
    }

    /// `node` is at work from now on; returns which was before.
    pub(crate) fn enter(&mut self, node: &Node) -> Option<Key> {
        let key = key(node);
        self.records.entry(key).or_default();
        self.switch(Some(key))
    }

    /// The node at work hands on a series.
    pub(crate) fn note_series(&mut self, series: &Series) {
        if let Some(at_work) = self.at_work {
            let record = self.records.entry(at_work).or_default();
            record.series += 1;
            record.samples += series.present() as u64;
        }
    }

    /// The node at work reads samples from storage.
    pub(crate) fn note_read(&mut self, samples: usize) {
        if let Some(at_work) = self.at_work {
            self.records.entry(at_work).or_default().read_samples += samples as u64;
        }
    }

    /// What was seen, in the shape of the plan.
    pub(crate) fn tree(&self, node: &Node) -> TraceNode {
        let record = self.records.get(&key(node)).copied().unwrap_or_default();
        let children: Vec<TraceNode> = children(node).into_iter().map(|node| self.tree(node)).collect();
        let below_ns: u64 = children.iter().map(|child| child.total_ns).sum();
        let (kind, span) = title(node);
        TraceNode {
            kind,
            span,
            own_ns: record.own_ns,
            total_ns: record.own_ns + below_ns,
            series: record.series,
            samples: record.samples,
            read_samples: record.read_samples,
            children,
        }
    }
}

fn children(node: &Node) -> Vec<&Node> {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Vector(_) => Vec::new(),
        Node::Range(range) => match &range.source {
            RangeSource::Selector(_) => Vec::new(),
            RangeSource::Subquery { node, .. } => vec![&**node],
        },
        Node::Shared(shared) => children(&shared.node),
        Node::Invariant { node, .. } | Node::Plus(node) | Node::Negate(node) => vec![&**node],
        Node::Binary(binary) => vec![&binary.left, &binary.right],
        Node::Aggregate(aggregate) => aggregate.param.iter().chain([&aggregate.node]).collect(),
        Node::Call(call) => call.args.iter().collect(),
        Node::Info(info) => vec![&info.base],
    }
}

/// What a node is, and where it stands in the query.
fn title(node: &Node) -> (String, Option<Span>) {
    match node {
        Node::Number(_) => ("number".to_owned(), None),
        Node::Text(_) => ("string".to_owned(), None),
        Node::Vector(selector) => ("selector".to_owned(), Some(selector.span)),
        Node::Range(range) => match &range.source {
            RangeSource::Selector(_) => ("range selector".to_owned(), Some(range.span)),
            RangeSource::Subquery { .. } => ("subquery".to_owned(), None),
        },
        Node::Shared(shared) => title(&shared.node),
        Node::Invariant { .. } => ("once".to_owned(), None),
        Node::Plus(_) => ("+".to_owned(), None),
        Node::Negate(_) => ("-".to_owned(), None),
        Node::Binary(binary) => (binary.op.as_str().to_owned(), Some(binary.span)),
        Node::Aggregate(aggregate) => (aggregate.op.as_str().to_owned(), Some(aggregate.span)),
        Node::Call(call) => (call.function.name().to_owned(), Some(call.span)),
        Node::Info(_) => ("info".to_owned(), None),
    }
}
