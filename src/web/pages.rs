//! Small server-rendered pages, so that links which people and alerts hold already open something useful.
//!
//! `/query` reads `g0.expr` and answers it as a table; the others show what the API tells. No scripts.

use std::fmt::Write;

use promql::format;
use promql::value::{SampleValue, Value};

use super::views::{AlertState, Views};
use crate::queries::Finished;

/// A page under construction.
#[derive(Debug)]
struct Page {
    out: String,
}

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#222}\
nav{background:#1b2733;padding:.6em 1em}nav a{color:#dfe8f0;margin-right:1.2em;text-decoration:none}\
nav b{color:#fff;margin-right:1.6em}main{padding:1em}table{border-collapse:collapse;width:100%}\
th,td{border-bottom:1px solid #ddd;padding:.3em .6em;text-align:left;vertical-align:top}\
code,pre,input{font-family:ui-monospace,monospace}pre{background:#f5f7f9;padding:1em;overflow:auto}\
input[name='g0.expr']{width:70%;padding:.4em}.up,.ok,.inactive{color:#1a7f37}.down,.err,.firing{color:#b3261e}\
.pending,.unknown{color:#9a6700}.error{color:#b3261e}td.n{text-align:right;font-family:ui-monospace,monospace}";

const LINKS: [(&str, &str); 7] = [
    ("query", "Query"),
    ("alerts", "Alerts"),
    ("targets", "Targets"),
    ("rules", "Rules"),
    ("status", "Status"),
    ("config", "Configuration"),
    ("flags", "Flags"),
];

impl Page {
    fn new(prefix: &str, title: &str) -> Self {
        let mut page = Self {
            out: String::with_capacity(16 * 1024),
        };
        page.raw("<!doctype html><html lang=en><meta charset=utf-8><title>");
        page.text(title);
        page.raw(" · Deucalion</title><meta name=viewport content='width=device-width'><style>");
        page.raw(STYLE);
        page.raw("</style><nav><b>Deucalion</b>");
        for (path, name) in LINKS {
            page.put(format_args!("<a href='{prefix}/{path}'>{name}</a>"));
        }
        page.raw("</nav><main><h1>");
        page.text(title);
        page.raw("</h1>");
        page
    }

    /// Markup as it is.
    fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Formatted markup; its arguments must be safe.
    fn put(&mut self, markup: std::fmt::Arguments<'_>) {
        let written = self.out.write_fmt(markup);
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }

    /// Text, escaped.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '&' => self.raw("&amp;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                c => self.out.push(c),
            }
        }
    }

    fn cell(&mut self, text: &str) {
        self.raw("<td>");
        self.text(text);
        self.raw("</td>");
    }

    /// A cell whose class is its text, for the words of states.
    fn state(&mut self, word: &'static str) {
        self.put(format_args!("<td class={word}>{word}</td>"));
    }

    fn head(&mut self, names: &[&str]) {
        self.raw("<table><tr>");
        for name in names {
            self.put(format_args!("<th>{name}</th>"));
        }
        self.raw("</tr>");
    }

    fn finish(mut self) -> String {
        self.raw("</main></html>");
        self.out
    }
}

/// `/query`: a form and the answer to `expr`, if there is one.
pub(super) fn query(prefix: &str, expr: &str, answer: Option<&Result<Finished, String>>) -> String {
    let mut page = Page::new(prefix, "Query");
    page.put(format_args!(
        "<form action='{prefix}/query'><input name='g0.expr' value=\""
    ));
    page.text(expr);
    page.raw("\" autofocus placeholder='Expression'> <button>Execute</button></form>");
    match answer {
        None => {}
        Some(Err(error)) => {
            page.raw("<p class=error>");
            page.text(error);
            page.raw("</p>");
        }
        Some(Ok(finished)) => push_value(&mut page, &finished.answer.value),
    }
    page.finish()
}

fn push_value(page: &mut Page, value: &Value) {
    page.head(&["Element", "Value"]);
    let row = |page: &mut Page, element: &str, value: &str| {
        page.raw("<tr>");
        page.cell(element);
        page.raw("<td class=n>");
        page.text(value);
        page.raw("</td></tr>");
    };
    match value {
        Value::Scalar { v, .. } => row(page, "scalar", &format::plain(*v)),
        Value::String { s, .. } => row(page, "string", s),
        Value::Vector(samples) => {
            for sample in samples {
                let value = match &sample.value {
                    SampleValue::Float(v) => format::plain(*v),
                    SampleValue::Histogram(h) => {
                        format!("histogram of {} observations", format::plain(h.count))
                    }
                };
                row(page, &sample.labels.to_string(), &value);
            }
        }
        Value::Matrix(series) => {
            for series in series {
                let points: Vec<String> = series
                    .floats
                    .iter()
                    .map(|&(t_ms, v)| format!("{} @ {}", format::plain(v), t_ms as f64 / 1000.0))
                    .collect();
                row(page, &series.labels.to_string(), &points.join("\n"));
            }
        }
    }
    page.raw("</table>");
}

/// `/targets`
pub(super) fn targets(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Targets");
    page.head(&[
        "Pool",
        "Endpoint",
        "State",
        "Labels",
        "Last scrape",
        "Seconds",
        "Error",
    ]);
    for target in views.targets.active() {
        page.raw("<tr>");
        page.cell(&target.scrape_pool);
        page.cell(&target.scrape_url);
        page.state(target.health.as_str());
        page.cell(&target.labels.to_string());
        page.cell(
            &target
                .last_scrape_ms
                .map_or_else(String::new, |at| super::api::rfc3339(Some(at))),
        );
        page.put(format_args!(
            "<td class=n>{:.3}</td>",
            target.last_scrape_duration_s
        ));
        page.raw("<td class=error>");
        page.text(&target.last_error);
        page.raw("</td></tr>");
    }
    page.raw("</table>");
    page.finish()
}

/// `/alerts`
pub(super) fn alerts(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Alerts");
    page.head(&["Alert", "State", "Labels", "Annotations", "Active since", "Value"]);
    for rule in views.rules.groups().into_iter().flat_map(|group| group.rules) {
        let Some(alerting) = &rule.alerting else { continue };
        if alerting.alerts.is_empty() {
            page.raw("<tr>");
            page.cell(&rule.name);
            page.state(AlertState::as_str(alerting.state));
            page.raw("<td colspan=4><code>");
            page.text(&rule.query);
            page.raw("</code></td></tr>");
        }
        for alert in &alerting.alerts {
            page.raw("<tr>");
            page.cell(&rule.name);
            page.state(alert.state.as_str());
            page.cell(&alert.labels.to_string());
            page.cell(&alert.annotations.to_string());
            page.cell(&super::api::rfc3339(Some(alert.active_at_ms)));
            page.cell(&format::plain(alert.value));
            page.raw("</tr>");
        }
    }
    page.raw("</table>");
    page.finish()
}

/// `/rules`
pub(super) fn rules(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Rules");
    for group in views.rules.groups() {
        page.raw("<h2>");
        page.text(&group.name);
        page.raw("</h2><p>");
        page.text(&group.file);
        page.put(format_args!(", every {} s</p>", group.interval_s));
        page.head(&[
            "Rule",
            "Expression",
            "State",
            "Last evaluation",
            "Seconds",
            "Error",
        ]);
        for rule in &group.rules {
            page.raw("<tr>");
            page.cell(&rule.name);
            page.raw("<td><code>");
            page.text(&rule.query);
            page.raw("</code></td>");
            page.state(rule.health);
            page.cell(
                &rule
                    .last_evaluation_ms
                    .map_or_else(String::new, |at| super::api::rfc3339(Some(at))),
            );
            page.put(format_args!("<td class=n>{:.3}</td>", rule.evaluation_time_s));
            page.cell(&rule.last_error);
            page.raw("</tr>");
        }
        page.raw("</table>");
    }
    page.finish()
}

/// `/status`
pub(super) fn status(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Status");
    let (runtime, tsdb) = (views.status.runtime(), views.status.tsdb(10));
    page.raw("<table>");
    let rows = [
        ("Version", crate::build::VERSION.to_owned()),
        (
            "Compatible with Prometheus",
            crate::build::PROMETHEUS_VERSION.to_owned(),
        ),
        ("Started", super::api::rfc3339(Some(runtime.start_time_ms))),
        ("Working directory", runtime.working_directory),
        (
            "Last reload",
            super::api::rfc3339(Some(runtime.last_config_time_ms)),
        ),
        ("Last reload went well", runtime.reload_config_success.to_string()),
        ("Retention", runtime.storage_retention),
        ("Series in the head", tsdb.series.to_string()),
        ("Chunks in the head", tsdb.chunks.to_string()),
        ("Label pairs in the head", tsdb.label_pairs.to_string()),
    ];
    for (name, value) in rows {
        page.raw("<tr>");
        page.cell(name);
        page.cell(&value);
        page.raw("</tr>");
    }
    page.raw("</table>");
    let lists = [
        ("Series by metric name", tsdb.series_by_metric),
        ("Values by label name", tsdb.values_by_label),
        ("Series by label pair", tsdb.series_by_pair),
    ];
    for (title, counts) in lists {
        page.put(format_args!("<h2>{title}</h2>"));
        page.head(&["Name", "Count"]);
        for count in counts {
            page.raw("<tr>");
            page.cell(&count.name);
            page.put(format_args!("<td class=n>{}</td></tr>", count.value));
        }
        page.raw("</table>");
    }
    page.finish()
}

/// `/config`
pub(super) fn config(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Configuration");
    page.raw("<pre>");
    page.text(&views.status.config_yaml());
    page.raw("</pre>");
    page.finish()
}

/// `/flags`
pub(super) fn flags(prefix: &str, views: &Views) -> String {
    let mut page = Page::new(prefix, "Flags");
    page.head(&["Flag", "Value"]);
    for (name, value) in views.status.flags() {
        page.raw("<tr>");
        page.cell(&format!("--{name}"));
        page.cell(&value);
        page.raw("</tr>");
    }
    page.raw("</table>");
    page.finish()
}
