//! Sending one batch: encoded, compressed, tried until it is taken or refused for good.
//!
//! | answer | what becomes of the batch |
//! |---|---|
//! | 2xx | sent |
//! | none, 5xx, 429 if so configured | tried again after a pause, which doubles up to its bound |
//! | any other | given up |

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use super::client::{Refusal, Written};
use super::encode::{self, EncodedLabels};
use super::metrics::{Reason, raise};
use super::queue::Core;

/// A sample or an exemplar on its way.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Labels of its series.
    pub(super) labels: EncodedLabels,
    pub(super) at_ms: i64,
    pub(super) bits: u64,
    /// Labels of its own, which make it an exemplar.
    pub(super) exemplar: Option<EncodedLabels>,
}

impl Item {
    pub(super) fn is_exemplar(&self) -> bool {
        self.exemplar.is_some()
    }
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) samples: u64,
    pub(super) exemplars: u64,
}

impl Counts {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut counts = Self::default();
        for item in items {
            counts.add(item.is_exemplar());
        }
        counts
    }

    /// Counts one more.
    pub(super) fn add(&mut self, is_exemplar: bool) {
        match is_exemplar {
            false => self.samples += 1,
            true => self.exemplars += 1,
        }
    }

    pub(super) fn all(self) -> u64 {
        self.samples + self.exemplars
    }
}

/// Compresses requests as the protocol wants it: snappy's block format.
pub(super) struct Compressor {
    snappy: snap::raw::Encoder,
    room: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self {
            snappy: snap::raw::Encoder::new(),
            room: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    pub(super) fn compress(&mut self, raw: &[u8]) -> Bytes {
        let len_max = snap::raw::max_compress_len(raw.len());
        if self.room.len() < len_max {
            self.room.resize(len_max, 0);
        }
        match self.snappy.compress(raw, &mut self.room) {
            Ok(len) => Bytes::copy_from_slice(&self.room[..len]),
            Err(error) => unreachable!("there is room for {} bytes: {error}", raw.len()),
        }
    }
}

/// Pauses between attempts.
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
    attempt: u32,
}

impl Backoff {
    pub(super) fn new(core: &Core) -> Self {
        let pause = Duration::from_millis(core.config.queue.min_backoff_ms.unsigned_abs());
        Self { pause, attempt: 0 }
    }

    /// The number of the attempt under way, from 0.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Waits before the next attempt. More shards would not help now, so that there are none for a while.
    pub(super) async fn wait(&mut self, core: &Core, refusal: &Refusal) {
        let pause = refusal.retry_after.unwrap_or(self.pause);
        core.forbid_resharding(pause * 2);
        sleep(pause).await;
        if core.repeats.is_new(&refusal.text) {
            warn!(
                remote_name = core.name,
                url = core.url,
                err = refusal.text,
                "Failed to send batch, retrying"
            );
        }
        let pause_max = Duration::from_millis(core.config.queue.max_backoff_ms.unsigned_abs());
        self.pause = (pause * 2).min(pause_max);
        self.attempt += 1;
    }
}

/// Sends batches, one after the other.
#[derive(Debug, Default)]
pub(super) struct Sender {
    raw: Vec<u8>,
    compressor: Compressor,
}

/// A batch ready to go.
struct Encoded {
    body: Bytes,
    /// The oldest and the newest time in it; `i64::MAX` and 0 if it holds none.
    lowest_ms: i64,
    highest_ms: i64,
}

impl Sender {
    /// Sends `batch` and tells everything that is to be told of it. Does not end while the destination may
    /// still take it.
    pub(super) async fn send(&mut self, core: &Core, batch: &[Item]) {
        let began = Instant::now();
        let (counts, metrics) = (Counts::of(batch), &core.metrics);
        let encoded = self.encode(batch, i64::MIN);
        let bytes = encoded.body.len();
        let (mut body, mut lowest_ms) = (encoded.body, encoded.lowest_ms);
        let mut written = Written::default();
        let mut backoff = Backoff::new(core);
        let refused = loop {
            let oldest_ms = core.oldest_ms();
            if lowest_ms < oldest_ms {
                let kept = self.encode(batch, oldest_ms);
                drop_old(core, batch, lowest_ms, oldest_ms);
                (body, lowest_ms) = (kept.body, kept.lowest_ms);
            }
            metrics.samples.add(counts.samples as f64);
            metrics.exemplars.add(counts.exemplars as f64);
            let (told, refusal) = match core.store(body.clone(), backoff.attempt()).await {
                Ok(told) => (told, None),
                Err(refusal) => (refusal.written, Some(refusal)),
            };
            written.is_told = told.is_told;
            written.samples += told.samples;
            written.exemplars += told.exemplars;
            match refusal {
                Some(refusal) if refusal.may_pass => backoff.wait(core, &refusal).await,
                refusal => break refusal,
            }
            metrics.samples_retried.add(counts.samples as f64);
            metrics.exemplars_retried.add(counts.exemplars as f64);
        };
        metrics.bytes.add(bytes as f64);
        raise(
            &metrics.highest_sent_timestamp,
            (encoded.highest_ms / 1000) as f64,
        );
        if refused.is_none() && !written.is_told {
            written.samples = counts.samples;
            written.exemplars = counts.exemplars;
        }
        note_failed(core, counts, written, refused.as_ref());
        core.note_sent(counts, began.elapsed());
    }

    /// Encodes the items that are not before `from_ms`.
    fn encode(&mut self, batch: &[Item], from_ms: i64) -> Encoded {
        let (mut lowest_ms, mut highest_ms) = (i64::MAX, 0);
        self.raw.clear();
        for item in batch.iter().filter(|item| item.at_ms >= from_ms) {
            match &item.exemplar {
                None => encode::put_sample(&mut self.raw, &item.labels, item.at_ms, item.bits),
                Some(own) => {
                    encode::put_exemplar(&mut self.raw, &item.labels, own, item.at_ms, item.bits);
                }
            }
            if item.at_ms > 0 {
                lowest_ms = lowest_ms.min(item.at_ms);
                highest_ms = highest_ms.max(item.at_ms);
            }
        }
        Encoded {
            body: self.compressor.compress(&self.raw),
            lowest_ms,
            highest_ms,
        }
    }
}

/// Counts what has become too old while it was tried: in `from_ms .. to_ms`.
fn drop_old(core: &Core, batch: &[Item], from_ms: i64, to_ms: i64) {
    let mut old = Counts::default();
    let is_old = |item: &&Item| (from_ms..to_ms).contains(&item.at_ms);
    for item in batch.iter().filter(is_old) {
        old.add(item.is_exemplar());
    }
    core.note_dropped(Reason::TooOld, old);
}

fn note_failed(core: &Core, counts: Counts, written: Written, refused: Option<&Refusal>) {
    let samples = counts.samples.saturating_sub(written.samples);
    let exemplars = counts.exemplars.saturating_sub(written.exemplars);
    if samples > 0 {
        core.metrics.samples_failed.add(samples as f64);
    }
    if exemplars > 0 {
        core.metrics.exemplars_failed.add(exemplars as f64);
    }
    match refused {
        Some(refusal) if core.repeats.is_new(&refusal.text) => {
            error!(
                remote_name = core.name,
                url = core.url,
                failed_sample_count = samples,
                failed_exemplar_count = exemplars,
                err = refusal.text,
                "non-recoverable error"
            );
        }
        None if samples + exemplars > 0 => {
            error!(
                remote_name = core.name,
                url = core.url,
                failed_sample_count = samples,
                failed_exemplar_count = exemplars,
                "the destination says that it has taken the request, but not all that was in it"
            );
        }
        _ => {}
    }
}
