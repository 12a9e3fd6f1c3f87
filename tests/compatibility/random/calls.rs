//! Random calls of functions: arguments of the types in the table, and values that mean something where a
//! random one never would.

use promql::functions::Function;
use promql::value::ValueType;

use super::expressions::Generator;

impl Generator {
    /// A call of a function that returns a vector.
    pub(super) fn call(&mut self, depth: u64) -> String {
        // What is asked most is drawn most.
        if self.chance(3) {
            let function = self.pick(&[
                "rate",
                "increase",
                "delta",
                "irate",
                "avg_over_time",
                "sum_over_time",
            ]);
            return format!("{function}({})", self.range(depth));
        }
        let functions = std::mem::take(&mut self.functions);
        let function = self.pick(&functions);
        self.functions = functions;
        if function.signature().returns == ValueType::Scalar {
            return format!("vector({})", self.named(function, depth));
        }
        self.named(function, depth)
    }

    fn named(&mut self, function: Function, depth: u64) -> String {
        let args = self.arguments(function, depth);
        format!(
            "{}({}{})",
            function.name(),
            args.join(", "),
            self.pick(&["", "", "", " "])
        )
    }

    fn arguments(&mut self, function: Function, depth: u64) -> Vec<String> {
        let word = |text: &str| text.to_owned();
        match function {
            Function::LabelReplace => {
                let (label, source) = (self.label_text(), self.label_text());
                let (to, from) = (
                    self.pick(&["$1", "x-$1", "${1}y", "$2", "", "$0", "$$", "${name}", "é"]),
                    self.pick(&["(.*)", "(.)(.*)", "a.*", "(api|web).*", "(?P<name>.).*", ".+", ""]),
                );
                let (to, from) = (format!("\"{to}\""), format!("\"{from}\""));
                vec![self.vector(depth), label, to, source, from]
            }
            Function::LabelJoin => {
                let mut args = vec![self.vector(depth), self.label_text(), word("\"-\"")];
                for _ in 0..self.dice.roll(4) {
                    args.push(self.label_text());
                }
                args
            }
            Function::SortByLabel | Function::SortByLabelDesc => {
                let mut args = vec![self.vector(depth)];
                for _ in 0..self.dice.roll(3) {
                    args.push(self.label_text());
                }
                args
            }
            Function::HistogramQuantile => {
                let q = self.pick(&["0", "0.1", "0.5", "0.9", "0.99", "1", "1.2", "-1", "NaN"]);
                vec![word(q), self.histogram(depth)]
            }
            Function::HistogramFraction => {
                let low = self.pick(&["-Inf", "0", "-1", "0.3", "0.05", "NaN"]);
                let high = self.pick(&["1", "2.5", "+Inf", "0.7", "0.1", "0"]);
                vec![word(low), word(high), self.histogram(depth)]
            }
            Function::HistogramQuantiles => {
                let mut args = vec![self.histogram(depth), word("\"q\"")];
                for _ in 0..1 + self.dice.roll(3) {
                    args.push(word(self.pick(&["0", "0.5", "0.9", "1", "0.1"])));
                }
                args
            }
            Function::HistogramAvg
            | Function::HistogramCount
            | Function::HistogramSum
            | Function::HistogramStddev
            | Function::HistogramStdvar => vec![self.histogram(depth)],
            Function::QuantileOverTime => {
                let q = self.pick(&["0", "0.5", "0.9", "1", "-1", "1.5", "NaN", "0.33"]);
                vec![word(q), self.range(depth)]
            }
            Function::DoubleExponentialSmoothing => {
                let factors = ["0.5", "0.1", "0.9", "0", "1.5", "1"];
                let (smoothing, trend) = (self.pick(&factors), self.pick(&factors));
                vec![self.range(depth), word(smoothing), word(trend)]
            }
            Function::Round if self.chance(2) => {
                let to = self.pick(&["1", "0.1", "5", "0.3", "0", "-1"]);
                vec![self.vector(depth), word(to)]
            }
            Function::Info if self.chance(2) => {
                vec![self.vector(depth), word("{__name__=\"build_info\"}")]
            }
            Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::DaysInMonth
            | Function::Hour
            | Function::Minute
            | Function::Month
            | Function::Year => match self.dice.roll(4) {
                0 => Vec::new(),
                1 => vec![format!("{} * 1e7", self.vector(depth))],
                _ => vec![self.vector(depth)],
            },
            _ => self.typed(function, depth),
        }
    }

    /// Arguments of the types in the table.
    fn typed(&mut self, function: Function, depth: u64) -> Vec<String> {
        let signature = function.signature();
        let mut args = Vec::new();
        for (at, kind) in signature.args.iter().enumerate() {
            if signature.variadic != 0 && at + 1 == signature.args.len() && self.chance(2) {
                break;
            }
            args.push(match kind {
                ValueType::Scalar => self.scalar(depth.min(1)),
                ValueType::Vector => self.vector(depth),
                ValueType::Matrix => self.range(depth),
                ValueType::String | ValueType::None => self.text().to_owned(),
            });
        }
        args
    }

    /// Histograms, mostly.
    fn histogram(&mut self, depth: u64) -> String {
        if self.chance(4) {
            return self.vector(depth);
        }
        self.pick(self.vocabulary.histograms).to_owned()
    }

    /// The name of a label as a text.
    fn label_text(&mut self) -> String {
        let label = self.pick(self.vocabulary.labels);
        if label.starts_with('"') {
            return label.to_owned();
        }
        format!("\"{label}\"")
    }
}
