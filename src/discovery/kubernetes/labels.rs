//! Labels that tell of an object: how their names are made.

use std::collections::BTreeMap;
use std::fmt::Write;

use tsdb::model::Labels;

use super::object::{Meta, Texts};

/// What every label about the cluster begins with.
const PREFIX: &str = "__meta_kubernetes_";

/// A set of labels in the making; of equal names the last wins.
#[derive(Clone, Debug, Default)]
pub(super) struct MetaLabels(BTreeMap<String, String>);

impl MetaLabels {
    /// Labels of a target at `address`.
    pub(super) fn of_target(address: impl Into<String>) -> Self {
        let mut labels = Self::default();
        labels.0.insert("__address__".to_owned(), address.into());
        labels
    }

    /// Labels of what lies in a namespace.
    pub(super) fn within(namespace: &str) -> Self {
        let mut labels = Self::default();
        labels.set("namespace", namespace);
        labels
    }

    /// Sets `__meta_kubernetes_<name>`.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(format!("{PREFIX}{name}"), value.into());
        self
    }

    /// Sets `__meta_kubernetes_<name>` if there is a value.
    pub(super) fn set_some(&mut self, name: &str, value: Option<impl Into<String>>) -> &mut Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Sets `__meta_kubernetes_<before><name>`, with every character of `name` that no label may have as `_`.
    pub(super) fn set_sanitized(&mut self, before: &str, name: &str, value: impl Into<String>) -> &mut Self {
        let mut full = String::with_capacity(PREFIX.len() + before.len() + name.len());
        full.push_str(PREFIX);
        full.push_str(before);
        full.extend(
            name.chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
        );
        self.0.insert(full, value.into());
        self
    }

    /// Sets the `instance` label.
    pub(super) fn set_instance(&mut self, value: &str) -> &mut Self {
        self.0.insert("instance".to_owned(), value.to_owned());
        self
    }

    /// Tells name, labels and annotations of an object.
    pub(super) fn describe(&mut self, resource: &str, meta: &Meta) -> &mut Self {
        self.set(&format!("{resource}_name"), meta.name.as_str());
        self.describe_unnamed(resource, meta)
    }

    /// Tells labels and annotations of an object.
    pub(super) fn describe_unnamed(&mut self, resource: &str, meta: &Meta) -> &mut Self {
        self.set_texts(&format!("{resource}_label"), &meta.labels);
        self.set_texts(&format!("{resource}_annotation"), &meta.annotations)
    }

    /// Sets `<before>_<name>`, and `<before>present_<name>` to `true`, for each text.
    pub(super) fn set_texts(&mut self, before: &str, texts: &Texts) -> &mut Self {
        let mut prefix = String::new();
        for (name, value) in texts {
            for (end, value) in [("_", value.as_str()), ("present_", "true")] {
                prefix.clear();
                // Writing to a String cannot fail.
                let _written = write!(prefix, "{before}{end}");
                self.set_sanitized(&prefix, name, value);
            }
        }
        self
    }

    /// Takes over another set, which wins.
    pub(super) fn merge(&mut self, other: &Self) -> &mut Self {
        let pairs = other.0.iter();
        self.0
            .extend(pairs.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// The set, made.
    pub(super) fn build(&self) -> Labels {
        let pairs = self.0.iter().filter(|(_, value)| !value.is_empty());
        Labels::from_sorted(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A host with a port, as Go joins them.
pub(super) fn with_port(host: &str, port: i32) -> String {
    let port = number(port);
    if host.contains([':', '%']) {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A port as Prometheus writes it: a negative one becomes very large.
pub(super) fn number(port: i32) -> String {
    i64::from(port).cast_unsigned().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_label_may_have_becomes_an_underscore_and_each_text_says_that_it_is_there() {
        let texts = Texts::from([
            ("app.kubernetes.io/name".to_owned(), "web".to_owned()),
            ("größe".to_owned(), String::new()),
        ]);
        let mut labels = MetaLabels::default();
        labels.set_texts("pod_label", &texts);
        let expected = [
            ("__meta_kubernetes_pod_label_app_kubernetes_io_name", "web"),
            (
                "__meta_kubernetes_pod_labelpresent_app_kubernetes_io_name",
                "true",
            ),
            ("__meta_kubernetes_pod_labelpresent_gr__e", "true"),
        ];
        assert_eq!(labels.build(), Labels::from_pairs(expected));
    }

    #[test]
    fn ipv6_hosts_are_bracketed() {
        assert_eq!(with_port("10.0.0.1", 80), "10.0.0.1:80");
        assert_eq!(with_port("fd00::1", 80), "[fd00::1]:80");
        assert_eq!(with_port("a", -1), "a:18446744073709551615");
    }
}
