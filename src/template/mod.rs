//! Go's `text/template` with Prometheus' functions: labels and annotations of alerts are written in it.
//!
//! ```text
//! "{{ $value | humanize }} on {{ $labels.instance }}"
//!   → lexer      tokens with byte position and line
//!   → parse      a tree an action; unknown functions and variables are refused here
//!   → eval       walks the tree over typed values, writes text
//! ```
//!
//! The whole grammar is here; types are Go's ([`Value`]), so that `printf "%d" $value` and every error
//! read as they do in Prometheus. HTML templates (consoles) are not. No clock, no storage:
//! [`Environment`] brings the time and answers `query`.
//!
//! Begin with [`AlertTemplate`]; [`Template`] is the engine below it.

mod ahead;
mod call;
mod compare;
mod convert;
mod duration;
mod error;
mod escape;
mod eval;
mod fields;
mod functions;
mod host;
mod humanize;
mod layout;
mod lexer;
mod number;
mod parse;
mod pipeline;
mod place;
mod print;
mod printf;
mod show;
mod show_number;
mod time;
mod title;
mod token;
mod tree;
mod value;

use std::sync::Arc;

use promql::value::{SampleValue, VectorSample};
use tsdb::model::Labels;

pub use error::TemplateError;
pub(crate) use escape::table_link;
pub(crate) use number::parse_float as parse_go_float;
pub(crate) use print::quoted;
pub(crate) use promql::histogram::text as histogram_text;
pub use value::{AlertData, Value};

/// Answers the `query` function: an instant query at the evaluation's time.
pub type Query<'a> = dyn Fn(&str) -> Result<Vec<VectorSample>, String> + 'a;

/// What a template can ask of its surroundings.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Answers `query`.
    pub query: &'a Query<'a>,
    /// The evaluation's time: `now`.
    pub now_ms: i64,
    /// `externalURL`, and by its path `pathPrefix`; `promtool test rules` has none, and both fail there.
    pub external_url: Option<&'a str>,
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} ms, {:?})", self.now_ms, self.external_url)
    }
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    set: Arc<tree::TemplateSet>,
}

impl Template {
    /// Parses `text`; errors and nested definitions go by `name`.
    ///
    /// # Errors
    /// Go's: `template: name:1: unexpected "}" in operand`.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            set: Arc::new(parse::parse(name, text)?),
        })
    }

    /// Writes the template out over `data`.
    ///
    /// # Errors
    /// Go's: `template: name:1:5: executing "name" at <…>: …`.
    pub fn execute(&self, data: Value, environment: &Environment<'_>) -> Result<String, TemplateError> {
        eval::execute(&self.set, data, environment)
    }
}

/// A label or annotation of an alerting rule: a template in which `$labels`, `$externalLabels`,
/// `$externalURL` and `$value` are defined.
#[derive(Clone, Debug)]
pub struct AlertTemplate {
    name: String,
    /// What came of parsing; an error is shown as the value, as everything that goes wrong is.
    parsed: Parsed,
}

#[derive(Clone, Debug)]
enum Parsed {
    /// No action in it: most labels.
    Verbatim(String),
    Template(Template),
    Broken(TemplateError),
}

/// What stands before every text of an alert; positions in errors count it, as Prometheus' do.
const DEFINITIONS: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                           {{$externalURL := .ExternalURL}}{{$value := .Value}}";

impl AlertTemplate {
    /// Parses `text`, which stands in the rule of the alert `alert`. A text that does not parse gives a
    /// template that always fails: ask [`AlertTemplate::check`] when loading.
    pub fn new(alert: &str, text: &str) -> Self {
        let name = format!("__alert_{alert}");
        let parsed = if text.contains("{{") {
            match Template::parse(&name, &format!("{DEFINITIONS}{text}")) {
                Ok(template) => Parsed::Template(template),
                Err(error) => Parsed::Broken(error),
            }
        } else {
            Parsed::Verbatim(text.to_owned())
        };
        Self { name, parsed }
    }

    /// Whether `text` parses, as `promtool check rules` asks.
    ///
    /// # Errors
    /// Go's text of what is wrong.
    pub fn check(alert: &str, text: &str) -> Result<(), TemplateError> {
        match Self::new(alert, text).parsed {
            Parsed::Broken(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether nothing in it is expanded.
    pub fn is_verbatim(&self) -> bool {
        matches!(self.parsed, Parsed::Verbatim(_))
    }

    /// The expanded text.
    ///
    /// # Errors
    /// When parsing or expanding failed; shown to people as `<error expanding template: …>`.
    pub fn expand(
        &self,
        data: &Arc<AlertData>,
        environment: &Environment<'_>,
    ) -> Result<String, TemplateError> {
        let name = &self.name;
        match &self.parsed {
            Parsed::Verbatim(text) => Ok(text.clone()),
            Parsed::Broken(error) => Err(error.wrapped(&format!("error parsing template {name}"))),
            Parsed::Template(template) => template
                .execute(Value::Alert(Arc::clone(data)), environment)
                .map_err(|error| error.wrapped(&format!("error executing template {name}"))),
        }
    }
}

/// Names of Prometheus' own functions, as `/api/v1/features` lists them.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::names()
}

impl AlertData {
    /// What the template of an alert sees: the sample that made the alert, with its labels.
    pub fn new(labels: &Labels, value: &SampleValue, external_labels: &Labels, external_url: &str) -> Self {
        Self {
            labels: labels.clone(),
            external_labels: external_labels.clone(),
            external_url: Arc::from(external_url),
            value: Value::from_sample(value),
        }
    }
}

#[cfg(test)]
mod tests;
