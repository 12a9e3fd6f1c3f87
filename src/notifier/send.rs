//! One Alertmanager: its queue and the task that empties it.
//!
//! ```text
//! add ─▶ queue ─▶ a batch ─▶ POST ─┬─ 2xx    sent
//!                                  └─ else   counted and dropped: there is no second try
//! stop ─▶ the batch on its way ends, then the rest is sent too, or dropped
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::{error, warn};
use url::Url;

use super::metrics::{LoopMetrics, NotifierMetrics};
use super::queue::Queue;
use super::{Alert, Options, wire};
use crate::http_client::{HttpClient, Request};

/// A queue and its task.
#[derive(Debug)]
pub(super) struct SendLoop {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// How requests are made.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) client: HttpClient,
    pub(super) timeout: Duration,
}

#[derive(Debug)]
struct Shared {
    url: String,
    sender: Sender,
    options: Options,
    queue: Mutex<Queue>,
    work: Notify,
    is_stopped: AtomicBool,
    all_metrics: NotifierMetrics,
    metrics: LoopMetrics,
}

impl SendLoop {
    /// Begins to send to `url`.
    pub(super) fn start(
        url: &str,
        sender: Sender,
        options: &Options,
        metrics: &NotifierMetrics,
        runtime: &Handle,
    ) -> Self {
        let shared = Arc::new(Shared {
            url: url.to_owned(),
            sender,
            options: options.clone(),
            queue: Mutex::new(Queue::new(options.queue_capacity)),
            work: Notify::new(),
            is_stopped: AtomicBool::new(false),
            all_metrics: metrics.clone(),
            metrics: metrics.of(url),
        });
        let task = runtime.spawn(keep_sending(Arc::clone(&shared)));
        Self { shared, task }
    }

    /// Queues alerts.
    pub(super) fn add(&self, alerts: &[Arc<Alert>]) {
        let shared = &self.shared;
        let mut queue = shared.queue.lock();
        let dropped = queue.push(alerts);
        shared.metrics.queue_length.set(queue.len() as f64);
        drop(queue);
        if dropped > 0 {
            shared.metrics.dropped.add(dropped as f64);
            let url = &shared.url;
            warn!(count = dropped, alertmanager = %url, "Alert notification queue full, dropping alerts");
        }
        shared.work.notify_one();
    }

    /// Takes no more; the task that sends the rest or drops it.
    pub(super) fn stop(self) -> JoinHandle<()> {
        // Forgotten now and not at the end: by then the same Alertmanager may have come back.
        self.shared.all_metrics.forget(&self.shared.url);
        self.shared.is_stopped.store(true, Ordering::Release);
        self.shared.work.notify_one();
        self.task
    }
}

async fn keep_sending(shared: Arc<Shared>) {
    while !shared.is_stopped() {
        shared.work.notified().await;
        while !shared.is_stopped() && shared.send_batch().await {}
    }
    if shared.options.drain_on_shutdown {
        while shared.send_batch().await {}
        return;
    }
    let count = shared.queue.lock().len();
    let url = &shared.url;
    warn!(count, alertmanager = %url, "Alert notification queue not drained on shutdown, dropping alerts");
    shared.metrics.dropped.add(count as f64);
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Sends the next batch; `false` if nothing waits.
    async fn send_batch(&self) -> bool {
        let batch = {
            let mut queue = self.queue.lock();
            let batch = queue.next_batch(self.options.batch_size);
            self.metrics.queue_length.set(queue.len() as f64);
            batch
        };
        if batch.is_empty() {
            return false;
        }
        let count = batch.len();
        let began = Instant::now();
        match self.post(wire::body(&batch)).await {
            Ok(()) => {
                self.metrics.sent.add(count as f64);
                if !self.is_stopped() {
                    let seconds = began.elapsed().as_secs_f64();
                    self.all_metrics.observe_latency(&self.url, seconds);
                }
            }
            Err(error) => {
                self.metrics.errors.add(count as f64);
                self.metrics.dropped.add(count as f64);
                error!(%error, count, alertmanager = %self.url, "Error sending alerts");
            }
        }
        true
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), String> {
        let url = Url::parse(&self.url).map_err(|error| error.to_string())?;
        let json = HeaderValue::from_static("application/json");
        let request = Request::post(url, json, Bytes::from(body), self.sender.timeout);
        let answer = self.sender.client.send(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let (is_success, status) = (answer.status().is_success(), answer.status_line());
        // Read to its end, so that the connection can be used again; what it says does not matter.
        drop(answer.read(ANSWER_BYTES_MAX).await);
        if is_success {
            Ok(())
        } else {
            Err(format!("bad response status {status}"))
        }
    }
}

/// How much of an answer is read, of which nothing is used.
const ANSWER_BYTES_MAX: usize = 1 << 20;
