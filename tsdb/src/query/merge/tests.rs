//! Several sources as one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::source::Order;
use super::*;
use crate::model::Matcher;

/// Series as (label value, samples).
#[derive(Debug)]
struct Fixed(Vec<(String, Vec<(i64, f64)>)>);

#[derive(Debug)]
struct FixedReader(Arc<Fixed>);

impl SeriesReader for FixedReader {
    fn read(
        &self,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        for &(t, v) in &self.0.0[series].1 {
            if (from_ms..=through_ms).contains(&t) {
                into.push(t, v);
            }
        }
        Ok(())
    }
}

impl Source for Fixed {
    fn time_range_ms(&self) -> (i64, i64) {
        (i64::MIN, i64::MAX)
    }

    fn select(
        self: Arc<Self>,
        _want: &Selection,
        vocabulary: &mut Vocabulary,
        _budget: &Budget,
        _cancel: &Cancel,
    ) -> Result<Selected, QueryError> {
        let mut roster = RosterBuilder::default();
        for (value, _) in &self.0 {
            roster.push([(vocabulary.intern("a"), vocabulary.intern(value))]);
        }
        Ok(Selected {
            roster: roster.build(),
            order: Order::Labels,
            reader: Box::new(FixedReader(self)),
        })
    }

    fn label_names(&self, _: &[Matcher], _: &Cancel) -> Result<Vec<String>, QueryError> {
        Ok(vec!["a".to_owned()])
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: &Cancel) -> Result<Vec<String>, QueryError> {
        Ok(self.0.iter().map(|(value, _)| value.clone()).collect())
    }
}

type Model = BTreeMap<String, BTreeMap<i64, f64>>;

fn merged(sources: &[Model]) -> Vec<(String, Vec<(i64, f64)>)> {
    let sources: Vec<Arc<dyn Source>> = sources
        .iter()
        .map(|model| {
            let series = |(value, samples): (&String, &BTreeMap<i64, f64>)| {
                (value.clone(), samples.iter().map(|(&t, &v)| (t, v)).collect())
            };
            Arc::new(Fixed(model.iter().map(series).collect())) as Arc<dyn Source>
        })
        .collect();
    let (budget, cancel) = (Budget::unlimited(), Cancel::new());
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let mut read = open(sources, Vec::new(), Vocabulary::default(), &budget).unwrap();
    read.more(&want, &budget, &cancel).unwrap();
    let mut columns = Columns::default();
    (0..read.rosters[0].len())
        .map(|series| {
            let labels = read.labels(0, series);
            read.cursor()
                .read(0, series, i64::MIN, i64::MAX, &mut columns)
                .unwrap();
            let samples = columns.t_ms.iter().copied().zip(columns.v.iter().copied());
            (labels.get("a").unwrap().to_owned(), samples.collect())
        })
        .collect()
}

proptest! {
    #[test]
    fn the_merger_of_sources_is_the_union_of_their_samples(
        models in prop::collection::vec(
            prop::collection::btree_map(
                "[a-d]{1,2}",
                prop::collection::btree_map(0i64..60, Just(1.0), 0..20),
                0..6,
            ),
            0..4,
        ),
    ) {
        let mut expected = Model::new();
        for model in &models {
            for (value, samples) in model {
                expected.entry(value.clone()).or_default().extend(samples);
            }
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(value, samples)| (value, samples.into_iter().collect::<Vec<_>>()))
            .collect();
        prop_assert_eq!(merged(&models), expected);
    }
}
