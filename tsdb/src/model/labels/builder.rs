//! Building and changing label sets.

use super::Labels;

/// A label set under construction: last write wins, an empty value removes.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name; no empty values.
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from an existing set.
    pub fn from_labels(labels: &Labels) -> Self {
        Self {
            pairs: labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }

    /// Sets `name` to `value`; an empty value removes the label.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match (self.find(name), value.is_empty()) {
            (Ok(at), false) => value.clone_into(&mut self.pairs[at].1),
            (Ok(at), true) => {
                self.pairs.remove(at);
            }
            (Err(at), false) => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
            (Err(_), true) => {}
        }
        self
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Keeps the labels whose names satisfy `wanted`.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, v)| wanted(n, v));
        self
    }

    /// The value of `name`, if set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|at| self.pairs[at].1.as_str())
    }

    /// All pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The finished set.
    pub fn build(&self) -> Labels {
        Labels::from_sorted(self.iter())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}
