//! `otlp`: how samples that arrive by OTLP are named.
//!
//! Nothing arrives without `--web.enable-otlp-receiver`, so that the section alone changes nothing, here as in
//! Prometheus; the flag is what is refused as long as the receiver is not built.

use std::collections::HashSet;

use super::quote::quoted;
use super::scrape::ValidationScheme;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// The section `otlp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Whether every attribute of the resource becomes a label.
    pub promote_all_resource_attributes: bool,
    /// Which attributes of the resource become labels.
    pub promote_resource_attributes: Vec<String>,
    /// Which attributes do not, if all others do.
    pub ignore_resource_attributes: Vec<String>,
    /// How names are translated; empty if it is written as null.
    pub translation_strategy: String,
    /// Whether the attributes that identify a resource stay in `target_info`.
    pub keep_identifying_resource_attributes: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_histograms_to_nhcb: bool,
    /// Whether the scope becomes labels.
    pub promote_scope_metadata: bool,
    /// Whether `key_` is put before label names that start with one `_`.
    pub label_name_underscore_sanitization: bool,
    /// Whether several `_` in a label name stay several.
    pub label_name_preserve_multiple_underscores: bool,
}

/// Every strategy, and whether its names are more than legacy names.
const STRATEGIES: [(&str, bool); 4] = [
    ("UnderscoreEscapingWithSuffixes", false),
    ("UnderscoreEscapingWithoutSuffixes", false),
    ("NoTranslation", true),
    ("NoUTF8EscapingWithSuffixes", true),
];

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            translation_strategy: STRATEGIES[0].0.into(),
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
            ..Self::unset()
        }
    }
}

impl OtlpConfig {
    /// What a section written as null is in Go.
    fn unset() -> Self {
        Self {
            promote_all_resource_attributes: false,
            promote_resource_attributes: Vec::new(),
            ignore_resource_attributes: Vec::new(),
            translation_strategy: String::new(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: false,
            label_name_preserve_multiple_underscores: false,
        }
    }

    /// Reads `otlp`; the strategy must fit the `scheme` of names of the file.
    pub fn decode(node: &Node, scheme: ValidationScheme, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "config.plain") else {
            return Self::unset();
        };
        let (mark, span) = (fields.mark, fields.span);
        let strategy_mark = fields.mark_of("translation_strategy");
        let default = Self::default();
        let mut config = Self {
            promote_all_resource_attributes: decoder.bool_of(
                &mut fields,
                "promote_all_resource_attributes",
                false,
            ),
            promote_resource_attributes: decoder.strings_of(&mut fields, "promote_resource_attributes"),
            ignore_resource_attributes: decoder.strings_of(&mut fields, "ignore_resource_attributes"),
            translation_strategy: match fields.take("translation_strategy") {
                Some(node) => decoder
                    .string_as(node, "otlptranslator.TranslationStrategyOption")
                    .unwrap_or_default(),
                None => default.translation_strategy,
            },
            keep_identifying_resource_attributes: decoder.bool_of(
                &mut fields,
                "keep_identifying_resource_attributes",
                false,
            ),
            convert_histograms_to_nhcb: decoder.bool_of(&mut fields, "convert_histograms_to_nhcb", false),
            promote_scope_metadata: decoder.bool_of(&mut fields, "promote_scope_metadata", false),
            label_name_underscore_sanitization: decoder.bool_of(
                &mut fields,
                "label_name_underscore_sanitization",
                default.label_name_underscore_sanitization,
            ),
            label_name_preserve_multiple_underscores: decoder.bool_of(
                &mut fields,
                "label_name_preserve_multiple_underscores",
                default.label_name_preserve_multiple_underscores,
            ),
        };
        decoder.finish(fields, &[]);
        if let Err(text) = config.check_attributes() {
            decoder.mistake_of(span, mark, text);
        }
        if let Err(text) = config.check_strategy(scheme) {
            decoder.mistake_of_file(strategy_mark, text);
        }
        config
    }

    /// Trims the names of attributes; all that is wrong with a list is one text of several lines, as in Go.
    fn check_attributes(&mut self) -> Result<(), String> {
        if !self.promote_all_resource_attributes {
            if !self.ignore_resource_attributes.is_empty() {
                return Err("'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true".into());
            }
            return trim_all(&mut self.promote_resource_attributes, "promoted")
                .map_err(|text| format!("invalid 'promote_resource_attributes': {text}"));
        }
        if !self.promote_resource_attributes.is_empty() {
            return Err("'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously".into());
        }
        trim_all(&mut self.ignore_resource_attributes, "ignored")
            .map_err(|text| format!("invalid 'ignore_resource_attributes': {text}"))
    }

    fn check_strategy(&self, scheme: ValidationScheme) -> Result<(), String> {
        let strategy = &self.translation_strategy;
        let shown = quoted(strategy);
        match STRATEGIES.iter().find(|(name, _)| name == strategy) {
            None if !strategy.is_empty() => Err(format!("unsupported OTLP translation strategy {shown}")),
            Some((_, true)) if scheme == ValidationScheme::Legacy => Err(format!(
                "OTLP translation strategy {shown} is not allowed when UTF8 is disabled"
            )),
            _ => Ok(()),
        }
    }

    /// As Prometheus writes it; empty if nothing is set.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put_unless_zero(
            "promote_all_resource_attributes",
            self.promote_all_resource_attributes,
        )
        .put_unless_zero(
            "promote_resource_attributes",
            self.promote_resource_attributes.clone(),
        )
        .put_unless_zero(
            "ignore_resource_attributes",
            self.ignore_resource_attributes.clone(),
        )
        .put_unless_zero("translation_strategy", self.translation_strategy.as_str())
        .put_unless_zero(
            "keep_identifying_resource_attributes",
            self.keep_identifying_resource_attributes,
        )
        .put_unless_zero("convert_histograms_to_nhcb", self.convert_histograms_to_nhcb)
        .put_unless_zero("promote_scope_metadata", self.promote_scope_metadata)
        .put_unless_zero(
            "label_name_underscore_sanitization",
            self.label_name_underscore_sanitization,
        )
        .put_unless_zero(
            "label_name_preserve_multiple_underscores",
            self.label_name_preserve_multiple_underscores,
        );
        map.into()
    }
}

fn trim_all(attributes: &mut [String], adjective: &str) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut mistakes = Vec::new();
    for attribute in attributes {
        let trimmed = attribute.trim().to_owned();
        if trimmed.is_empty() {
            mistakes.push(format!("empty {adjective} OTel resource attribute"));
        } else if !seen.insert(trimmed.clone()) {
            let shown = quoted(&trimmed);
            mistakes.push(format!("duplicated {adjective} OTel resource attribute {shown}"));
        } else {
            *attribute = trimmed;
        }
    }
    match mistakes.is_empty() {
        true => Ok(()),
        false => Err(mistakes.join("\n")),
    }
}
