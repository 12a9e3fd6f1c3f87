//! All metrics of the process, and their text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Counter, Gauge, Histogram, Summary};

/// All metrics of the process. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    families: Arc<Mutex<BTreeMap<&'static str, Entry>>>,
}

/// Appends all samples of the metric called by its first argument.
type WriteSamples = Box<dyn Fn(&str, &mut String) + Send + Sync>;

struct Entry {
    help: &'static str,
    kind: &'static str,
    write: WriteSamples,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({}, {})", self.kind, self.help)
    }
}

/// Metrics of one name that differ in the values of fixed labels. Cloning shares it.
#[derive(Debug)]
pub struct Family<T> {
    inner: Arc<FamilyInner<T>>,
}

#[derive(Debug)]
struct FamilyInner<T> {
    labels: &'static [&'static str],
    make: fn(&FamilyOptions) -> T,
    options: FamilyOptions,
    members: Mutex<BTreeMap<Vec<String>, T>>,
}

/// Bounds or quantiles that all members of a family share.
#[derive(Debug, Default)]
struct FamilyOptions {
    marks: Vec<f64>,
}

impl<T> Clone for Family<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T: Clone> Family<T> {
    fn new(labels: &'static [&'static str], marks: &[f64], make: fn(&FamilyOptions) -> T) -> Self {
        let options = FamilyOptions {
            marks: marks.to_vec(),
        };
        Self {
            inner: Arc::new(FamilyInner {
                labels,
                make,
                options,
                members: Mutex::default(),
            }),
        }
    }

    /// The member with these label values, made now if it is new.
    ///
    /// # Panics
    /// When the number of values differs from that of the labels.
    pub fn with(&self, values: &[&str]) -> T {
        assert_eq!(values.len(), self.inner.labels.len(), "one value a label");
        let key: Vec<String> = values.iter().map(|&v| v.to_owned()).collect();
        let make = || (self.inner.make)(&self.inner.options);
        self.inner.members.lock().entry(key).or_insert_with(make).clone()
    }

    /// Drops the member with these label values, whose object is gone.
    pub fn remove(&self, values: &[&str]) {
        let key: Vec<String> = values.iter().map(|&v| v.to_owned()).collect();
        self.inner.members.lock().remove(&key);
    }

    /// Drops every member whose label values do not satisfy `keep`.
    pub fn retain(&self, mut keep: impl FnMut(&[String]) -> bool) {
        self.inner.members.lock().retain(|values, _| keep(values));
    }

    fn each(&self, mut write: impl FnMut(&str, &T)) {
        for (values, member) in &*self.inner.members.lock() {
            let mut labels = String::new();
            for (name, value) in self.inner.labels.iter().zip(values) {
                push_label(&mut labels, name, value);
            }
            write(&labels, member);
        }
    }
}

/// Reads a number when asked.
pub type ReadFn = Box<dyn Fn() -> f64 + Send + Sync>;

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A counter without labels.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.counters(name, help, &[]).with(&[])
    }

    /// A gauge without labels.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.gauges(name, help, &[]).with(&[])
    }

    /// A histogram without labels.
    pub fn histogram(&self, name: &'static str, help: &'static str, bounds: &[f64]) -> Histogram {
        self.histograms(name, help, &[], bounds).with(&[])
    }

    /// A summary without labels.
    pub fn summary(&self, name: &'static str, help: &'static str, quantiles: &[f64]) -> Summary {
        self.summaries(name, help, &[], quantiles).with(&[])
    }

    /// Counters that differ in labels.
    pub fn counters(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family<Counter> {
        let family = Family::new(labels, &[], |_| Counter::default());
        let shared = family.clone();
        self.add(name, help, "counter", move |name, out| {
            shared.each(|labels, counter| push_sample(out, name, "", labels, counter.get()));
        });
        family
    }

    /// Gauges that differ in labels.
    pub fn gauges(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family<Gauge> {
        let family = Family::new(labels, &[], |_| Gauge::default());
        let shared = family.clone();
        self.add(name, help, "gauge", move |name, out| {
            shared.each(|labels, gauge| push_sample(out, name, "", labels, gauge.get()));
        });
        family
    }

    /// A gauge whose value is asked for when it is read.
    pub fn gauge_fn(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.add(name, help, "gauge", move |name, out| {
            push_sample(out, name, "", "", read())
        });
    }

    /// Gauges that differ in labels and are asked for when they are read: (label values, value) each.
    pub fn gauges_fn(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: impl Fn() -> Vec<(Vec<String>, f64)> + Send + Sync + 'static,
    ) {
        self.add(name, help, "gauge", move |name, out| {
            for (values, value) in read() {
                let mut text = String::new();
                for (label, value) in labels.iter().zip(&values) {
                    push_label(&mut text, label, value);
                }
                push_sample(out, name, "", &text, value);
            }
        });
    }

    /// A counter whose value is asked for when it is read.
    pub fn counter_fn(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.add(name, help, "counter", move |name, out| {
            push_sample(out, name, "", "", read())
        });
    }

    /// As [`Registry::counter_fn`], with fixed labels as text: `type="float"`.
    pub fn counter_fn_labelled(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.add(name, help, "counter", move |name, out| {
            push_sample(out, name, "", labels, read())
        });
    }

    /// Counters that differ in labels, each read when asked.
    pub fn counter_fns(&self, name: &'static str, help: &'static str, parts: Vec<(&'static str, ReadFn)>) {
        self.add(name, help, "counter", move |name, out| {
            for (labels, read) in &parts {
                push_sample(out, name, "", labels, read());
            }
        });
    }

    /// Histograms that differ in labels.
    pub fn histograms(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &[f64],
    ) -> Family<Histogram> {
        let family = Family::new(labels, bounds, |options| Histogram::new(&options.marks));
        let shared = family.clone();
        self.add(name, help, "histogram", move |name, out| {
            shared.each(|labels, histogram| {
                let buckets = histogram.cumulative();
                let count = buckets.last().map_or(0, |&(_, count)| count);
                for (bound, count) in buckets {
                    let mut labels = labels.to_owned();
                    push_label(&mut labels, "le", &number(bound));
                    push_sample(out, name, "_bucket", &labels, count as f64);
                }
                push_sample(out, name, "_sum", labels, histogram.sum());
                push_sample(out, name, "_count", labels, count as f64);
            });
        });
        family
    }

    /// Summaries that differ in labels.
    pub fn summaries(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        quantiles: &[f64],
    ) -> Family<Summary> {
        let family = Family::new(labels, quantiles, |options| Summary::new(&options.marks));
        let shared = family.clone();
        self.add(name, help, "summary", move |name, out| {
            shared.each(|labels, summary| {
                let (quantiles, sum, count) = summary.read();
                for (quantile, value) in quantiles {
                    let mut labels = labels.to_owned();
                    push_label(&mut labels, "quantile", &number(quantile));
                    push_sample(out, name, "", &labels, value);
                }
                push_sample(out, name, "_sum", labels, sum);
                push_sample(out, name, "_count", labels, count as f64);
            });
        });
        family
    }

    /// Everything in Prometheus' text format 0.0.4, sorted by name; families without members are left out.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(64 * 1024);
        let mut samples = String::new();
        for (name, entry) in &*self.families.lock() {
            samples.clear();
            (entry.write)(name, &mut samples);
            if samples.is_empty() {
                continue;
            }
            out.push_str("# HELP ");
            out.push_str(name);
            out.push(' ');
            out.push_str(&entry.help.replace('\\', "\\\\").replace('\n', "\\n"));
            out.push_str("\n# TYPE ");
            out.push_str(name);
            out.push(' ');
            out.push_str(entry.kind);
            out.push('\n');
            out.push_str(&samples);
        }
        out
    }

    fn add(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        write: impl Fn(&str, &mut String) + Send + Sync + 'static,
    ) {
        let entry = Entry {
            help,
            kind,
            write: Box::new(write),
        };
        let before = self.families.lock().insert(name, entry);
        assert!(before.is_none(), "metric {name} is registered once");
    }
}

fn push_label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            c => labels.push(c),
        }
    }
    labels.push('"');
}

fn push_sample(out: &mut String, name: &str, suffix: &str, labels: &str, value: f64) {
    out.push_str(name);
    out.push_str(suffix);
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        out.push('}');
    }
    out.push(' ');
    out.push_str(&number(value));
    out.push('\n');
}

/// A number as the text format writes it.
fn number(value: f64) -> String {
    let mut text = String::new();
    let written = match value {
        v if v.is_nan() => write!(text, "NaN"),
        v if v.is_infinite() => write!(text, "{}Inf", if v > 0.0 { '+' } else { '-' }),
        v if v != 0.0 && (v.abs() < 1e-4 || v.abs() >= 1e21) => write!(text, "{v:e}"),
        v => write!(text, "{v}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_by_name_with_their_labels() {
        let registry = Registry::new();
        registry.gauge("b_gauge", "A gauge.").set(1.5);
        let counters = registry.counters("a_total", "Counts.", &["code"]);
        counters.with(&["a\"b"]).inc();
        counters.with(&["200"]).add(2.0);
        assert_eq!(
            registry.render(),
            "# HELP a_total Counts.\n# TYPE a_total counter\na_total{code=\"200\"} 2\na_total{code=\"a\\\"b\"} 1\n\
             # HELP b_gauge A gauge.\n# TYPE b_gauge gauge\nb_gauge 1.5\n"
        );
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound_including_it() {
        let registry = Registry::new();
        let histogram = registry.histogram("h", "H.", &[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 9.0] {
            histogram.observe(value);
        }
        let text = registry.render();
        assert!(
            text.contains(
                "h_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_sum 12\nh_count 4\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_summary_without_observations_is_not_a_number() {
        let registry = Registry::new();
        let summary = registry.summary("s", "S.", &[0.5]);
        assert!(registry.render().contains("s{quantile=\"0.5\"} NaN\n"));
        summary.observe(1.0);
        summary.observe(2.0);
        summary.observe(3.0);
        assert!(
            registry
                .render()
                .contains("s{quantile=\"0.5\"} 2\ns_sum 6\ns_count 3\n")
        );
    }
}
