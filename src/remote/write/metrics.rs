//! Metrics of remote write: those of all destinations together, of each destination, of each reader of the log.

use crate::telemetry::{Counter, Family, Gauge, Histogram, Registry};

const LABELS: &[&str] = &["remote_name", "url"];
const LABELS_REASON: &[&str] = &["reason", "remote_name", "url"];
const CONSUMER: &[&str] = &["consumer"];

/// Upper bounds in seconds of how long a request took.
const DURATION_BOUNDS: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0,
];

/// Counters of histograms, which are not sent: name and help. They are there for dashboards and stay 0.
const HISTOGRAMS: [(&str, &str); 3] = [
    (
        "prometheus_remote_storage_histograms_total",
        "Total number of histograms sent to remote storage.",
    ),
    (
        "prometheus_remote_storage_histograms_failed_total",
        "Total number of histograms which failed on send to remote storage, non-recoverable errors.",
    ),
    (
        "prometheus_remote_storage_histograms_retried_total",
        "Total number of histograms which failed on send to remote storage but were retried because the send error was recoverable.",
    ),
];

/// Why something is dropped unsent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is older than `sample_age_limit`.
    TooOld,
    /// Relabelling dropped its series.
    DroppedSeries,
    /// Its series is not known.
    UnknownSeries,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::DroppedSeries => "dropped_series",
            Self::UnknownSeries => "unintentionally_dropped_series",
        }
    }
}

/// Declares the metrics that differ in destination alone: as families, and as those of one destination.
macro_rules! destination_metrics {
    ($($field:ident: $kind:ident = $make:ident($name:literal, $help:literal);)*) => {
        #[derive(Clone, Debug)]
        struct Families {
            $($field: Family<$kind>,)*
        }

        /// Those of one destination.
        #[derive(Debug)]
        pub(super) struct QueueMetrics {
            all: WriteMetrics,
            name: String,
            url: String,
            pub(super) send_duration: Histogram,
            $(pub(super) $field: $kind,)*
        }

        impl Families {
            fn new(registry: &Registry) -> Self {
                Self { $($field: registry.$make($name, $help, LABELS),)* }
            }

            fn forget(&self, labels: &[&str]) {
                $(self.$field.remove(labels);)*
            }
        }

        impl WriteMetrics {
            /// Those of the destination with this name and URL, seen from now on.
            pub(super) fn of_queue(&self, name: &str, url: &str) -> QueueMetrics {
                let labels = &[name, url];
                for family in &self.histograms {
                    let _zero = family.with(labels);
                }
                let _zero = self.histograms_pending.with(labels);
                QueueMetrics {
                    all: self.clone(),
                    name: name.to_owned(),
                    url: url.to_owned(),
                    send_duration: self.send_duration.with(labels),
                    $($field: self.families.$field.with(labels),)*
                }
            }
        }
    };
}

destination_metrics! {
    samples: Counter = counters(
        "prometheus_remote_storage_samples_total",
        "Total number of samples sent to remote storage."
    );
    exemplars: Counter = counters(
        "prometheus_remote_storage_exemplars_total",
        "Total number of exemplars sent to remote storage."
    );
    metadata: Counter = counters(
        "prometheus_remote_storage_metadata_total",
        "Total number of metadata entries sent to remote storage."
    );
    samples_failed: Counter = counters(
        "prometheus_remote_storage_samples_failed_total",
        "Total number of samples which failed on send to remote storage, non-recoverable errors."
    );
    exemplars_failed: Counter = counters(
        "prometheus_remote_storage_exemplars_failed_total",
        "Total number of exemplars which failed on send to remote storage, non-recoverable errors."
    );
    metadata_failed: Counter = counters(
        "prometheus_remote_storage_metadata_failed_total",
        "Total number of metadata entries which failed on send to remote storage, non-recoverable errors."
    );
    samples_retried: Counter = counters(
        "prometheus_remote_storage_samples_retried_total",
        "Total number of samples which failed on send to remote storage but were retried because the send error was recoverable."
    );
    exemplars_retried: Counter = counters(
        "prometheus_remote_storage_exemplars_retried_total",
        "Total number of exemplars which failed on send to remote storage but were retried because the send error was recoverable."
    );
    metadata_retried: Counter = counters(
        "prometheus_remote_storage_metadata_retried_total",
        "Total number of metadata entries which failed on send to remote storage but were retried because the send error was recoverable."
    );
    enqueue_retries: Counter = counters(
        "prometheus_remote_storage_enqueue_retries_total",
        "Total number of times enqueue has failed because a shards queue was full."
    );
    highest_timestamp: Gauge = gauges(
        "prometheus_remote_storage_queue_highest_timestamp_seconds",
        "Highest timestamp that was enqueued, in seconds since epoch. Initialized to 0 when no data has been received yet."
    );
    highest_sent_timestamp: Gauge = gauges(
        "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "Highest timestamp successfully sent by this queue, in seconds since epoch. Initialized to 0 when no data has been sent yet."
    );
    samples_pending: Gauge = gauges(
        "prometheus_remote_storage_samples_pending",
        "The number of samples pending in the queues shards to be sent to the remote storage."
    );
    exemplars_pending: Gauge = gauges(
        "prometheus_remote_storage_exemplars_pending",
        "The number of exemplars pending in the queues shards to be sent to the remote storage."
    );
    shard_capacity: Gauge = gauges(
        "prometheus_remote_storage_shard_capacity",
        "The capacity of each shard of the queue used for parallel sending to the remote storage."
    );
    shards: Gauge = gauges(
        "prometheus_remote_storage_shards",
        "The number of shards used for parallel sending to the remote storage."
    );
    shards_max: Gauge = gauges(
        "prometheus_remote_storage_shards_max",
        "The maximum number of shards that the queue is allowed to run."
    );
    shards_min: Gauge = gauges(
        "prometheus_remote_storage_shards_min",
        "The minimum number of shards that the queue is allowed to run."
    );
    shards_desired: Gauge = gauges(
        "prometheus_remote_storage_shards_desired",
        "The number of shards that the queues shard calculation wants to run based on the rate of samples in vs. samples out."
    );
    bytes: Counter = counters(
        "prometheus_remote_storage_bytes_total",
        "The total number of bytes of data (not metadata) sent by the queue after compression. Note that when exemplars over remote write is enabled the exemplars included in a remote write request count towards this metric."
    );
    metadata_bytes: Counter = counters(
        "prometheus_remote_storage_metadata_bytes_total",
        "The total number of bytes of metadata sent by the queue after compression."
    );
    max_samples_per_send: Gauge = gauges(
        "prometheus_remote_storage_max_samples_per_send",
        "The maximum number of samples to be sent, in a single request, to the remote storage. Note that, when sending of exemplars over remote write is enabled, exemplars count towards this limit."
    );
}

/// Those of all destinations.
#[derive(Clone, Debug)]
pub(super) struct WriteMetrics {
    families: Families,
    /// Those that stay 0.
    histograms: Vec<Family<Counter>>,
    histograms_pending: Family<Gauge>,
    send_duration: Family<Histogram>,
    samples_dropped: Family<Counter>,
    exemplars_dropped: Family<Counter>,
    pub(super) samples_in: Counter,
    pub(super) exemplars_in: Counter,
    pub(super) highest_timestamp: Gauge,
    records_read: Family<Counter>,
    decode_failures: Family<Counter>,
    sent_before_tailing: Family<Counter>,
    current_segment: Family<Gauge>,
    notifications_skipped: Family<Counter>,
}

/// Those of one reader of the log.
#[derive(Debug)]
pub(super) struct WatchMetrics {
    all: WriteMetrics,
    consumer: String,
    pub(super) decode_failures: Counter,
    pub(super) current_segment: Gauge,
    pub(super) notifications_skipped: Counter,
}

impl WriteMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        // It is there for dashboards and stays 0.
        let _zero = registry.counter(
            "prometheus_remote_storage_histograms_in_total",
            "HistogramSamples in to remote storage, compare to histograms out for queue managers. Deprecated, check prometheus_wal_watcher_records_read_total and prometheus_remote_storage_histograms_dropped_total",
        );
        Self {
            families: Families::new(registry),
            histograms: HISTOGRAMS
                .iter()
                .map(|(name, help)| registry.counters(name, help, LABELS))
                .collect(),
            histograms_pending: registry.gauges(
                "prometheus_remote_storage_histograms_pending",
                "The number of histograms pending in the queues shards to be sent to the remote storage.",
                LABELS,
            ),
            send_duration: registry.histograms(
                "prometheus_remote_storage_sent_batch_duration_seconds",
                "Duration of send calls to the remote storage.",
                LABELS,
                &DURATION_BOUNDS,
            ),
            samples_dropped: registry.counters(
                "prometheus_remote_storage_samples_dropped_total",
                "Total number of samples which were dropped after being read from the WAL before being sent via remote write, either via relabelling, due to being too old or unintentionally because of an unknown reference ID.",
                LABELS_REASON,
            ),
            exemplars_dropped: registry.counters(
                "prometheus_remote_storage_exemplars_dropped_total",
                "Total number of exemplars which were dropped after being read from the WAL before being sent via remote write, either via relabelling, due to being too old or unintentionally because of an unknown reference ID.",
                LABELS_REASON,
            ),
            samples_in: registry.counter(
                "prometheus_remote_storage_samples_in_total",
                "Samples in to remote storage, compare to samples out for queue managers. Deprecated, check prometheus_wal_watcher_records_read_total and prometheus_remote_storage_samples_dropped_total",
            ),
            exemplars_in: registry.counter(
                "prometheus_remote_storage_exemplars_in_total",
                "Exemplars in to remote storage, compare to exemplars out for queue managers. Deprecated, check prometheus_wal_watcher_records_read_total and prometheus_remote_storage_exemplars_dropped_total",
            ),
            highest_timestamp: registry.gauge(
                "prometheus_remote_storage_highest_timestamp_in_seconds",
                "Highest timestamp that has come into the remote storage via the Appender interface, in seconds since epoch. Initialized to 0 when no data has been received yet. Deprecated, check prometheus_remote_storage_queue_highest_timestamp_seconds which is more accurate.",
            ),
            records_read: registry.counters(
                "prometheus_wal_watcher_records_read_total",
                "Number of records read by the WAL watcher from the WAL.",
                &["consumer", "type"],
            ),
            decode_failures: registry.counters(
                "prometheus_wal_watcher_record_decode_failures_total",
                "Number of records read by the WAL watcher that resulted in an error when decoding.",
                CONSUMER,
            ),
            sent_before_tailing: registry.counters(
                "prometheus_wal_watcher_samples_sent_pre_tailing_total",
                "Number of sample records read by the WAL watcher and sent to remote write during replay of existing WAL.",
                CONSUMER,
            ),
            current_segment: registry.gauges(
                "prometheus_wal_watcher_current_segment",
                "Current segment the WAL watcher is reading records from.",
                CONSUMER,
            ),
            notifications_skipped: registry.counters(
                "prometheus_wal_watcher_notifications_skipped_total",
                "The number of WAL write notifications that the Watcher has skipped due to already being in a WAL read routine.",
                CONSUMER,
            ),
        }
    }

    /// Those of a reader of the log that reads for `consumer`, seen from now on.
    pub(super) fn of_watch(&self, consumer: &str) -> WatchMetrics {
        let labels = &[consumer];
        // As in Prometheus it is there and stays 0: what is sent is never replayed.
        let _zero = self.sent_before_tailing.with(labels);
        WatchMetrics {
            all: self.clone(),
            consumer: consumer.to_owned(),
            decode_failures: self.decode_failures.with(labels),
            current_segment: self.current_segment.with(labels),
            notifications_skipped: self.notifications_skipped.with(labels),
        }
    }
}

impl QueueMetrics {
    /// Those of the samples that are dropped for a reason.
    pub(super) fn samples_dropped(&self, reason: Reason) -> Counter {
        let labels = &[reason.as_str(), &self.name, &self.url];
        self.all.samples_dropped.with(labels)
    }

    /// Those of the exemplars that are dropped for a reason.
    pub(super) fn exemplars_dropped(&self, reason: Reason) -> Counter {
        let labels = &[reason.as_str(), &self.name, &self.url];
        self.all.exemplars_dropped.with(labels)
    }

    /// They are not seen any more.
    pub(super) fn forget(&self) {
        let labels = &[self.name.as_str(), self.url.as_str()];
        self.all.families.forget(labels);
        for family in &self.all.histograms {
            family.remove(labels);
        }
        self.all.histograms_pending.remove(labels);
        self.all.send_duration.remove(labels);
        let is_other = |values: &[String]| values[1..] != [self.name.clone(), self.url.clone()];
        self.all.samples_dropped.retain(is_other);
        self.all.exemplars_dropped.retain(is_other);
    }
}

impl WatchMetrics {
    /// The count of records of a kind.
    pub(super) fn records_read(&self, kind: &str) -> Counter {
        self.all.records_read.with(&[&self.consumer, kind])
    }

    /// They are not seen any more.
    pub(super) fn forget(&self) {
        let all = &self.all;
        let labels = &[self.consumer.as_str()];
        all.records_read.retain(|values| values[0] != self.consumer);
        all.decode_failures.remove(labels);
        all.sent_before_tailing.remove(labels);
        all.current_segment.remove(labels);
        all.notifications_skipped.remove(labels);
    }
}

/// Sets a gauge that only rises.
pub(super) fn raise(gauge: &Gauge, value: f64) {
    if value > gauge.get() {
        gauge.set(value);
    }
}
